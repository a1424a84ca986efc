# A two-node cluster in plain HCL, without cdktf: what is in the lab's constructs, written out by hand.
#
#   make prepare                                  # installs the provider and builds the base image
#   terraform init && terraform apply -var image=PATH
#
# PATH is the directory that `python -m halab.images build` prints: it holds disk.qcow2, vmlinuz, initrd, image.json.
#
# To keep it short there is no fencing and no shared storage: such a cluster must never be given GFS2 or any other data
# that two nodes could write to at once. constructs/fencing.py and constructs/shared_filesystem.py show what that takes.

terraform {
  required_providers {
    halab = { source = "terraform.local/halab/halab" }
  }
}

variable "image" {
  description = "Directory of the base image."
  type        = string
}

variable "pool" {
  description = "Directory for disks, where libvirt lets QEMU read and write. It is made, and goes with the lab."
  type        = string
  default     = "/var/lib/libvirt/images/halab-pair"
}

locals {
  lab    = "pair"
  domain = "pair.test"
  cidr   = "192.168.88.0/24"
  nodes = {
    node1 = { id = 1, address = "192.168.88.11", mac = "52:54:00:88:00:11" }
    node2 = { id = 2, address = "192.168.88.12", mac = "52:54:00:88:00:12" }
  }
  hosts = [for name, node in local.nodes : { name = name, address = node.address }]
}

# Keys, progress and the SSH configuration go into `directory`: keep it out of version control.
provider "halab" {
  lab       = local.lab
  directory = "${path.module}/.halab"
}

# --- what the machines stand on ---

# The provider looks for the private key under this name.
resource "halab_ssh_key" "key" {
  name = "id_ed25519"
}

resource "halab_network" "lab" {
  name   = local.lab
  cidr   = local.cidr
  domain = local.domain
  hosts  = [for name, node in local.nodes : { name = name, mac = node.mac, address = node.address }]
}

resource "halab_pool" "disks" {
  name = local.lab
  path = var.pool
}

resource "halab_image" "base" {
  name   = "base"
  pool   = halab_pool.disks.name
  source = var.image
}

# Each node's disk begins as a copy of the image and holds only what differs from it.
resource "halab_volume" "disk" {
  for_each   = local.nodes
  name       = "${each.key}.qcow2"
  pool       = halab_pool.disks.name
  size_bytes = halab_image.base.virtual_size_bytes
  backing    = halab_image.base.disk
}

# A machine is done when it has booted and answers; its host key is read from its console and pinned.
resource "halab_machine" "node" {
  for_each         = local.nodes
  name             = "${local.lab}-${each.key}"
  hostname         = each.key
  domain           = local.domain
  memory_mib       = 1536
  kernel           = halab_image.base.kernel
  initrd           = halab_image.base.initrd
  cmdline          = halab_image.base.cmdline
  cmdline_emulated = halab_image.base.cmdline_emulated
  disks            = [halab_volume.disk[each.key].path]
  network          = halab_network.lab.name
  mac              = each.value.mac
  address          = each.value.address
  cluster          = local.lab
  authorized_key   = halab_ssh_key.key.public_key
}

# --- in the machines ---

# Names, time, and a firewall that opens SSH, corosync and pcsd to the lab's network.
resource "halab_host" "node" {
  for_each         = local.nodes
  machine          = halab_machine.node[each.key].id
  hostname         = each.key
  domain           = local.domain
  hosts            = local.hosts
  firewall_open    = ["tcp/22", "tcp/2224", "udp/5405"]
  firewall_sources = [local.cidr]
}

# The definition of the cluster changes no machine. Its corosync.conf is rendered at plan: a change shows as a diff.
resource "halab_cluster" "pair" {
  name       = local.lab
  hypervisor = values(halab_machine.node)[0].hypervisor_used
  members = [
    for name, node in local.nodes : { name = name, address = node.address, node_id = node.id }
  ]
}

# One resource for each member, so that a node that is removed leaves the cluster before its machine goes.
resource "halab_cluster_member" "node" {
  for_each          = local.nodes
  machine           = halab_machine.node[each.key].id
  cluster           = halab_cluster.pair.name
  name              = each.key
  corosync_conf     = halab_cluster.pair.corosync_conf
  corosync_authkey  = halab_cluster.pair.corosync_authkey
  pacemaker_authkey = halab_cluster.pair.pacemaker_authkey
  depends_on        = [halab_host.node]
}

# --- in the cluster ---

# Only because nothing is shared here: a cluster with data needs fencing (halab_fencing_endpoint, halab_stonith).
resource "halab_cluster_property" "no_fencing" {
  cluster    = halab_cluster.pair.name
  name       = "stonith-enabled"
  value      = "false"
  depends_on = [halab_cluster_member.node]
}

# An address that moves to the node that is left. Constraints stand in it: it never starts without them.
resource "halab_primitive" "address" {
  cluster = halab_cluster.pair.name
  name    = "${local.lab}-ip"
  agent   = "ocf:heartbeat:IPaddr2"
  params = {
    ip           = "192.168.88.50"
    cidr_netmask = "24"
  }
  operations = [{ name = "monitor", interval = "10s", timeout = "60s" }]
  locations  = [{ node = "node1", score = "100" }]
  depends_on = [halab_cluster_property.no_fencing]
}

# `ssh -F .halab/ssh_config node1`, without a prompt.
resource "halab_ssh_config" "lab" {
  private_key_path = halab_ssh_key.key.private_key_path
  hosts = [
    for name, node in local.nodes : {
      name     = name
      fqdn     = "${name}.${local.domain}"
      address  = node.address
      host_key = halab_machine.node[name].host_key
    }
  ]
}

output "shell" {
  value = "ssh -F ${halab_ssh_config.lab.path} node1"
}

output "address" {
  value = halab_primitive.address.params.ip
}
