"""An evaluation as a page, for a terminal, and in words."""
