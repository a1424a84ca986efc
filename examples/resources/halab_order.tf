resource "halab_order" "address" {
  cluster = halab_cluster.summit.name
  first   = halab_group.site.name
  then    = halab_primitive.address.name
  kind    = "Optional"
}

import {
  to = halab_order.address
  id = "summit:summit-site:summit-address"
}
