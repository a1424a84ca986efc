# It begins as a copy of the image, and holds only what differs from it.
resource "halab_volume" "node1_disk" {
  name       = "node1.qcow2"
  pool       = halab_pool.disks.name
  size_bytes = halab_image.base.virtual_size_bytes
  backing    = halab_image.base.disk
}

resource "halab_volume" "target_disk" {
  name       = "target.qcow2"
  pool       = halab_pool.disks.name
  size_bytes = halab_image.base.virtual_size_bytes
  backing    = halab_image.base.disk
}

resource "halab_volume" "lun" {
  name       = "lun.qcow2"
  pool       = halab_pool.disks.name
  size_bytes = 4294967296
}

import {
  to = halab_volume.node1_disk
  id = "summit/node1.qcow2"
}
