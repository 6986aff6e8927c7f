"""Reward models where other programs ask for rewards."""
