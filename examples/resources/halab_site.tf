resource "halab_site" "node1" {
  machine       = halab_machine.node1.id
  document_root = "/var/www/html"
  server_name   = "www.summit.test"
  served_by     = "node1"
}

import {
  to = halab_site.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
}
