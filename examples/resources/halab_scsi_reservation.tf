resource "halab_scsi_reservation" "lun" {
  cluster = halab_cluster.summit.name
  device  = halab_iscsi_target.target.lun_device
  keys    = [halab_scsi_key.node1.key]
}

import {
  to = halab_scsi_reservation.lun
  id = "summit:/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6"
}
