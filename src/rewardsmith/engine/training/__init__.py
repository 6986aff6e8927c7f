"""The training loop, what stands on it, and how a run is resumed."""
