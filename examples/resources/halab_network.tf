resource "halab_network" "lab" {
  name   = "summit"
  cidr   = "192.168.77.0/24"
  domain = "summit.test"
  hosts = [
    { name = "node1", mac = "52:54:00:77:00:11", address = "192.168.77.11" },
    { name = "target", mac = "52:54:00:77:00:10", address = "192.168.77.10" },
  ]
}

import {
  to = halab_network.lab
  id = "summit"
}
