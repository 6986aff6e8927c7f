"""Controlled experiments on the user's own data."""
