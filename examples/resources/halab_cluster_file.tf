resource "halab_cluster_file" "page" {
  cluster     = halab_cluster.summit.name
  mount_point = "/var/www/html"
  path        = "/var/www/html/index.html"
  content     = "It moves.\n"
  depends_on  = [halab_clone.shared_fs]
}

import {
  to = halab_cluster_file.page
  id = "summit:/var/www/html:/var/www/html/index.html"
}
