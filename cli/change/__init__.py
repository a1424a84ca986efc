"""What changes the lab: deploy, destroy, and how they show what is under way."""
