resource "halab_colocation" "address" {
  cluster       = halab_cluster.summit.name
  resource      = halab_primitive.address.name
  with_resource = halab_group.site.name
  score         = "-100"
}

import {
  to = halab_colocation.address
  id = "summit:summit-address:summit-site"
}
