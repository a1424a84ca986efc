resource "halab_sbd" "node1" {
  machine = halab_machine.node1.id
  device  = halab_sbd_disk.sbd.device
}

import {
  to = halab_sbd.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6"
}

# Instead of that, without a disk: the node joins its cluster after it.
resource "halab_sbd" "node1_alone" {
  machine    = halab_machine.node1.id
  watchdog_s = 30
  wait_s     = 75
}

import {
  to = halab_sbd.node1_alone
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:"
}
