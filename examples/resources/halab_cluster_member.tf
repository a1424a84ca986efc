resource "halab_cluster_member" "node1" {
  machine           = halab_machine.node1.id
  cluster           = halab_cluster.summit.name
  name              = "node1"
  corosync_conf     = halab_cluster.summit.corosync_conf
  corosync_authkey  = halab_cluster.summit.corosync_authkey
  pacemaker_authkey = halab_cluster.summit.pacemaker_authkey
}

import {
  to = halab_cluster_member.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:summit:node1"
}
