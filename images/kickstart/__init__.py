"""Kickstart installations of EL 9: RHEL, AlmaLinux, Rocky Linux, CentOS Stream."""
