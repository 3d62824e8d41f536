"""From a release's files and the artist's settings to a clip: load, plan, sample, decode."""
