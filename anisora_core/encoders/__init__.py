"""Text and image encoders with their tokenizers, on transformers."""
