"""Runs Terraform for a lab."""
