"""Images that a distribution's own installer makes, in a machine that exists only meanwhile."""
