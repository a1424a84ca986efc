resource "halab_installed_image" "el9" {
  name    = "summit-installer"
  pool    = halab_pool.disks.name
  network = halab_network.lab.name
  mac     = "52:54:00:77:00:fe"
  cache   = "/srv/images"
  suite   = "el9"
  tree    = "/srv/el9/BaseOS/x86_64/os"
}
