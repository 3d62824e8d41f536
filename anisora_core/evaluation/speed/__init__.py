"""Time, memory and rounding of our networks beside diffusers' on the same weights."""
