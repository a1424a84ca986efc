resource "halab_shared_vg" "vg" {
  cluster = halab_cluster.summit.name
  name    = "vg_summit"
  device  = halab_shared_partition.lun.path
}

import {
  to = halab_shared_vg.vg
  id = "summit:vg_summit"
}
