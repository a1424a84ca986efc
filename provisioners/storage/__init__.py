"""What lies on the shared disk: partition, volume group, logical volume, GFS2."""
