"""Checkpoints of a lab: what is kept beside the machines' snapshots, and the commands."""
