"""What `train` says."""
