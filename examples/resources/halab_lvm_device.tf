resource "halab_lvm_device" "node1" {
  machine = halab_machine.node1.id
  vg      = halab_shared_vg.vg.name
  device  = halab_shared_vg.vg.device
}

import {
  to = halab_lvm_device.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:vg_summit:/dev/disk/by-id/wwn-0x6001405f00d-part1"
}
