resource "halab_shared_partition" "lun" {
  cluster    = halab_cluster.summit.name
  device     = halab_iscsi_session.node1.device
  depends_on = [halab_cluster_member.node1]
}

import {
  to = halab_shared_partition.lun
  id = "summit:/dev/disk/by-id/wwn-0x6001405f00d"
}
