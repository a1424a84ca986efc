resource "halab_iscsi_acl" "node1" {
  machine       = halab_machine.target.id
  target_iqn    = halab_iscsi_target.target.iqn
  initiator_iqn = "iqn.2016-06.test.halab:summit-node1"
  chap_user     = "node1"
  chap_password = halab_secret.fencing.value
}

import {
  to = halab_iscsi_acl.node1
  id = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d:iqn.2003-01.org.linux-iscsi.target.x8664:sn.3cd35f7163b3:iqn.2016-06.test.halab:summit-node1"
}
