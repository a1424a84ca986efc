resource "halab_file" "motd" {
  machine   = halab_machine.node1.id
  path      = "/etc/motd"
  content   = "Break me.\n"
  overwrite = true # Debian has one
}

import {
  to = halab_file.motd
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:/etc/motd"
}
