"""Networks, one folder per family. A model file is its forward pass and nothing else."""
