resource "halab_fencing_endpoint" "power" {
  name     = "summit"
  address  = "192.168.77.1"
  username = "fence"
  password = halab_secret.fencing.value
  machines = [halab_machine.node1.id]
}

import {
  to = halab_fencing_endpoint.power
  id = "summit"
}
