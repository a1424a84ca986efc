"""`halab bench`: times of a deploy, a diff and a failover."""
