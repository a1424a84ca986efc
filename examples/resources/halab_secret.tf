resource "halab_secret" "fencing" {
  name   = "fencing-password"
  length = 24
}

import {
  to = halab_secret.fencing
  id = "fencing-password"
}
