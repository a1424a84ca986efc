"""What the lab is made of on the hypervisor: networks, pools, images, volumes, machines. All use of libvirt is here."""
