resource "halab_machine" "node1" {
  name             = "summit-node1"
  hostname         = "node1"
  domain           = "summit.test"
  memory_mib       = 1536
  kernel           = halab_image.base.kernel
  initrd           = halab_image.base.initrd
  cmdline          = halab_image.base.cmdline
  cmdline_emulated = halab_image.base.cmdline_emulated
  disks            = [halab_volume.node1_disk.path]
  network          = halab_network.lab.name
  mac              = "52:54:00:77:00:11"
  address          = "192.168.77.11"
  cluster          = "summit"
  authorized_key   = halab_ssh_key.key.public_key
}

resource "halab_machine" "target" {
  name             = "summit-target"
  hostname         = "target"
  domain           = "summit.test"
  memory_mib       = 768
  kernel           = halab_image.base.kernel
  initrd           = halab_image.base.initrd
  cmdline          = halab_image.base.cmdline
  cmdline_emulated = halab_image.base.cmdline_emulated
  disks            = [halab_volume.target_disk.path, halab_volume.lun.path]
  network          = halab_network.lab.name
  mac              = "52:54:00:77:00:10"
  address          = "192.168.77.10"
  authorized_key   = halab_ssh_key.key.public_key
}

import {
  to = halab_machine.node1
  id = "summit-node1"
}
