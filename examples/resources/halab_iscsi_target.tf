resource "halab_iscsi_target" "target" {
  machine = halab_machine.target.id
  device  = halab_partition.lun.path
  portal  = "192.168.77.10"
}

import {
  to = halab_iscsi_target.target
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:iqn.2003-01.org.linux-iscsi.target.x8664:sn.3cd35f7163b3"
}
