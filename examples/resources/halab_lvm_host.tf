resource "halab_lvm_host" "node1" {
  machine = halab_machine.node1.id
}

import {
  to = halab_lvm_host.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
}
