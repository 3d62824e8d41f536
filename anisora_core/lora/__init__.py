"""LoRA: files of every maker read and written, changes applied to a network, and trained beside it."""
