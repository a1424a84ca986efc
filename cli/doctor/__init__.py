"""What will not work here and the remedy: facts are gathered once, each check is a function of them."""
