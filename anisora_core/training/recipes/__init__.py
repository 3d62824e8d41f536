"""Recipes: which stages a model is trained through, and at what settings."""
