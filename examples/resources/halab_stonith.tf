resource "halab_stonith" "node1" {
  cluster = halab_cluster.summit.name
  name    = "fence-node1"
  agent   = "fence_redfish"
  node    = "node1"
  machine = halab_machine.node1.id
  params = {
    ip              = "192.168.77.1"
    username        = "fence"
    password_script = "/etc/halab/fencing-password"
    systems_uri     = halab_fencing_endpoint.power.systems[halab_machine.node1.id]
  }
}

import {
  to = halab_stonith.node1
  id = "summit:fence-node1"
}
