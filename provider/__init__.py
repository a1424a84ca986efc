"""The Terraform provider: protocol, hypervisor and guests brought together."""
