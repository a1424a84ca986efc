resource "halab_logical_volume" "web" {
  cluster    = halab_cluster.summit.name
  vg         = halab_shared_vg.vg.name
  name       = "lv_web"
  size       = "60%VG"
  depends_on = [halab_lvm_device.node1]
}

import {
  to = halab_logical_volume.web
  id = "summit:vg_summit:lv_web"
}
