"""What makes an item a resource: life cycle, schema, and the way from a machine to a host that answers."""
