# The provider looks for the private key under this name.
resource "halab_ssh_key" "key" {
  name = "id_ed25519"
}

import {
  to = halab_ssh_key.key
  id = "id_ed25519"
}
