resource "halab_fencing_level" "node1" {
  cluster = halab_cluster.summit.name
  node    = "node1"
  level   = 1
  devices = [halab_stonith.node1.name]
}

import {
  to = halab_fencing_level.node1
  id = "summit:node1:1"
}
