"""Training: one loop, objectives beside it, recipes that put them in order."""
