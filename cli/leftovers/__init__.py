"""What stays behind: of killed runs (sweep), and in the checkout (clean)."""
