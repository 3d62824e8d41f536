"""LoRA training: a folder of drawings, and clips if there are any, into a file that every tool reads."""
