resource "halab_ssh_config" "people" {
  private_key_path = halab_ssh_key.key.private_key_path
  hosts = [
    {
      name     = "node1"
      fqdn     = "node1.summit.test"
      address  = "192.168.77.11"
      host_key = halab_machine.node1.host_key
    },
  ]
}

import {
  to = halab_ssh_config.people
  id = "ssh_config"
}
