"""`halab console`: the lab in a browser, live, served on this host alone."""
