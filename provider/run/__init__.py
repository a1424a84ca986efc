"""One run of Terraform: who asked for what, one at a time, what it tells, which files it leaves."""
