resource "halab_cluster_property" "no_quorum_policy" {
  cluster    = halab_cluster.summit.name
  name       = "no-quorum-policy"
  value      = "freeze"
  depends_on = [halab_cluster_member.node1]
}

import {
  to = halab_cluster_property.no_quorum_policy
  id = "summit:no-quorum-policy"
}
