"""The doors of a fencing endpoint, asked by the unmodified fence agents of this host's Debian, on loopback."""
