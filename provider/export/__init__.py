"""What runs in a cluster, written as HCL with import blocks: whoever built it, the plan afterwards is empty."""
