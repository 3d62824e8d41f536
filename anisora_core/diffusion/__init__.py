"""Sampling. Knows callables, never models."""
