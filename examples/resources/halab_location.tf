resource "halab_location" "address" {
  cluster  = halab_cluster.summit.name
  resource = halab_primitive.address.name
  node     = "node1"
  score    = "100"
}

import {
  to = halab_location.address
  id = "summit:summit-address:node1"
}
