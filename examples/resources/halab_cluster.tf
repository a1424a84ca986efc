# It changes no machine: corosync.conf is rendered at plan, and each member writes it.
resource "halab_cluster" "summit" {
  name       = "summit"
  hypervisor = halab_machine.node1.hypervisor_used
  members    = [{ name = "node1", address = "192.168.77.11", node_id = 1 }]
  machines   = [halab_machine.node1.id]
}

import {
  to = halab_cluster.summit
  id = "summit"
}
