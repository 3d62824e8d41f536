"""Pictures and video: read, written, resized, turned into tensors. No other room opens a picture or a video."""
