"""What a model is asked to make, and which metrics say how well it did: functions from networks to a result."""
