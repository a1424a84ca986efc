resource "halab_service" "cron" {
  machine = halab_machine.node1.id
  name    = "cron"
  enabled = false
  running = false
}

import {
  to = halab_service.cron
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:cron"
}
