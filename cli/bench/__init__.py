"""`halab bench`: times of a deploy, a checkpoint, a diff and a failover."""
