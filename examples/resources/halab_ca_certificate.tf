resource "halab_ca_certificate" "fencing" {
  machine = halab_machine.node1.id
  name    = "halab-fencing"
  pem     = halab_fencing_endpoint.power.ca_certificate
}

import {
  to = halab_ca_certificate.fencing
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:halab-fencing"
}
