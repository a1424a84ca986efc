# Its removal drains the node before the node leaves.
resource "halab_cluster_node" "node1" {
  machine    = halab_machine.node1.id
  cluster    = halab_cluster.summit.name
  name       = "node1"
  depends_on = [halab_cluster_member.node1]
}

import {
  to = halab_cluster_node.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:summit:node1"
}
