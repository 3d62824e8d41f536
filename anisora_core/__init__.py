"""AniSora without any host."""
