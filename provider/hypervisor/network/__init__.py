"""libvirt networks."""
