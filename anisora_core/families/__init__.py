"""One folder for each family of models: configurations, transformer, VAE, names in files, and what differs between families."""
