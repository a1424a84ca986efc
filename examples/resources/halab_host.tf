resource "halab_host" "node1" {
  machine          = halab_machine.node1.id
  hostname         = "node1"
  domain           = "summit.test"
  hosts            = [{ name = "node1", address = "192.168.77.11" }, { name = "target", address = "192.168.77.10" }]
  time_source      = "192.168.77.10"
  firewall_open    = ["tcp/22", "tcp/80", "udp/5405"]
  firewall_sources = ["192.168.77.0/24"]
}

import {
  to = halab_host.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
}
