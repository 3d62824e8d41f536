"""What every training runs on: the loop, optimisers, weight averages, saved states, events and the loss curve."""
