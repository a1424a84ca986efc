resource "halab_primitive" "address" {
  cluster    = halab_cluster.summit.name
  name       = "summit-address"
  agent      = "ocf:heartbeat:IPaddr2"
  params     = { ip = "192.168.77.60", cidr_netmask = "24" }
  operations = [{ name = "monitor", interval = "10s", timeout = "20s" }]
}

import {
  to = halab_primitive.address
  id = "summit:summit-address"
}
