resource "halab_partition" "lun" {
  machine = halab_machine.target.id
  device  = "/dev/vdb"
}

import {
  to = halab_partition.lun
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:/dev/vdb"
}
