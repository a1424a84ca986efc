"""The site that the cluster runs."""
