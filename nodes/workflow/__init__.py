"""Workflow files, run without ComfyUI."""
