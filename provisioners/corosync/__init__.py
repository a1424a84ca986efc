"""Corosync: the cluster's definition, its keys, and who is a member."""
