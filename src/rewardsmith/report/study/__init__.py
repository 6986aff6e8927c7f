"""A noise study as a page and as tables."""
