"""Virtual machines: domain, console, boot, and which hypervisor runs them."""
