"""Watches a deployed lab from outside: the site, and whether its nodes rest."""
