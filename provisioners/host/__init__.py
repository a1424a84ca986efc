"""What any machine has: names, time, firewall, SSH, packages, units, files, trusted authorities."""
