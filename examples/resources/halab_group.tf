resource "halab_group" "site" {
  cluster = halab_cluster.summit.name
  name    = "summit-site"
  primitives = [
    {
      name   = "summit-ip"
      agent  = "ocf:heartbeat:IPaddr2"
      params = { ip = "192.168.77.50", cidr_netmask = "24" }
    },
    {
      name   = "summit-apache"
      agent  = "ocf:heartbeat:apache"
      params = { configfile = "/etc/apache2/apache2.conf" }
    },
  ]
  after       = [{ resource = halab_clone.shared_fs.name }]
  colocations = [{ with_resource = halab_clone.shared_fs.name }]
}

import {
  to = halab_group.site
  id = "summit:summit-site"
}
