"""For those who develop halab: what is derived from the sources, the verdicts of the end-to-end tests."""
