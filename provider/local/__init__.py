"""Resources that touch no machine."""
