"""Measurements on frames: fidelity, motion, in-betweening, and whether the text was obeyed."""
