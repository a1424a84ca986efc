resource "halab_multipath" "lun" {
  machine = halab_machine.node1.id
  device  = halab_iscsi_target.target.lun_device
  key     = "cc8c1645"
}

import {
  to = halab_multipath.lun
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6"
}
