"""Looking at a deployed lab without changing it: what `halab status`, `ssh`, `serial`, `open` and `doctor` stand on."""
