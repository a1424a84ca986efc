"""What a lab is to the commands: its settings, its files, its Terraform state."""
