"""Fencing by hand, through the cluster's own tools, and a trial of all that a lab can be fenced with."""
