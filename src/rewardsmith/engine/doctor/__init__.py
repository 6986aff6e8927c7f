"""Checks of a model and of the machine before anything is spent on them."""
