# The directory that `python -m halab.cli.image` prints.
resource "halab_image" "base" {
  name   = "base"
  pool   = halab_pool.disks.name
  source = "/srv/images/280cf757fa490cf6"
}

import {
  to = halab_image.base
  id = "summit/base.json"
}
