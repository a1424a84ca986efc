resource "halab_clone" "shared_fs" {
  cluster = halab_cluster.summit.name
  name    = "summit-gfs0-clone"
  meta    = { interleave = "true" }
  primitives = [
    {
      name   = "summit-gfs0"
      agent  = "ocf:heartbeat:Filesystem"
      params = { device = halab_logical_volume.web.path, directory = "/var/www/html", fstype = "gfs2" }
      operations = [
        # Reads the device, too: a node that has lost the LUN is fenced.
        { name = "monitor", interval = "20s", timeout = "150s", on_fail = "fence", attributes = { OCF_CHECK_LEVEL = "10" } },
      ]
    },
  ]
  depends_on = [halab_gfs2.web]
}

import {
  to = halab_clone.shared_fs
  id = "summit:summit-gfs0-clone"
}
