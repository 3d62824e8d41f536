"""The Wan family: one transformer and one causal VAE; releases differ only by configuration."""
