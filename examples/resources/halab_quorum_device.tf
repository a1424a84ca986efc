resource "halab_quorum_device" "node1" {
  machine = halab_machine.node1.id
  cluster = halab_cluster_member.node1.cluster
}

import {
  to = halab_quorum_device.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:summit"
}
