"""What the lab is made of on the hypervisor: networks, pools, images, volumes, machines. Only here libvirt is spoken."""
