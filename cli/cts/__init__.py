"""Pacemaker's own test suite (CTS), run unchanged against the lab from its target, and what it came to."""
