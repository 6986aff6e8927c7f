"""Rewards of conversations by whatever can give them."""
