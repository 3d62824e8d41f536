"""How networks run: precision, attention, quantised weights, offloading, caches, and what a run will need."""
