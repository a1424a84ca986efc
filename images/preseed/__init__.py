"""Installations of Debian by its own installer, from a preseed file."""
