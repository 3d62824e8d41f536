"""A third family, for the test that one folder is all that it takes: copied into `families` of a copy of the pack."""
