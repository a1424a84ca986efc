"""What is configured inside a guest: one module a system, one item a thing, all of it over SSH."""
