"""Files: the only place that knows what weights are called outside."""
