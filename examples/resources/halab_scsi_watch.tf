resource "halab_scsi_watch" "node1" {
  machine    = halab_machine.node1.id
  device     = halab_scsi_key.node1.device
  key        = halab_scsi_key.node1.key
  watchdog_s = 60
}

import {
  to = halab_scsi_watch.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
}
