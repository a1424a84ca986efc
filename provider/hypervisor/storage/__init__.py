"""Pools, images, volumes, and what goes in and out of them."""
