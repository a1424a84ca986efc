resource "halab_ssh_trust" "node1" {
  machine = halab_machine.node1.id
  domain  = "summit.test"
  peers = [
    {
      name     = "target"
      address  = "192.168.77.10"
      host_key = halab_machine.target.host_key
      user_key = halab_host.node1.ssh_public_key
    },
  ]
}

import {
  to = halab_ssh_trust.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
}
