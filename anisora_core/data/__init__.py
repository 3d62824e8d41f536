"""Training data: what is rendered, read from disk or cached."""
