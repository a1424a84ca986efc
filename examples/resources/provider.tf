terraform {
  required_providers {
    halab = { source = "terraform.local/halab/halab" }
  }
}

# Keys, progress and the SSH configuration go into `directory`: keep it out of version control.
provider "halab" {
  lab       = "summit"
  directory = "${path.module}/.halab"
}
