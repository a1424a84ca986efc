resource "halab_pcsd" "node1" {
  machine            = halab_machine.node1.id
  cluster            = halab_cluster.summit.name
  nodes              = [{ name = "node1", address = "192.168.77.11" }]
  hacluster_password = halab_secret.hacluster.value
  token              = halab_secret.pcsd_token.value
}

resource "halab_secret" "hacluster" {
  name   = "hacluster-password"
  length = 20
}

resource "halab_secret" "pcsd_token" {
  name   = "pcsd-token"
  length = 64
}

import {
  to = halab_pcsd.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:summit"
}
