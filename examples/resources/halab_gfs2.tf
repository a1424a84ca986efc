resource "halab_gfs2" "web" {
  cluster     = halab_cluster.summit.name
  name        = "gfs0"
  device      = halab_logical_volume.web.path
  journals    = 3
  volume_size = halab_logical_volume.web.size
}

import {
  to = halab_gfs2.web
  id = "summit:gfs0:/dev/vg_summit/lv_web"
}
