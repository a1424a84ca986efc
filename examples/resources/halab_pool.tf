resource "halab_pool" "disks" {
  name = "summit"
  path = "/var/lib/libvirt/images/halab-summit"
}

import {
  to = halab_pool.disks
  id = "summit"
}
