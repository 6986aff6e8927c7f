"""A run of iterated RLHF as a page, for a terminal, and in words."""
