"""From a release's files and the artist's wishes to a clip: load, plan, sample, decode."""
