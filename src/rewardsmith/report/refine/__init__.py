"""What refining changed, as a page and for a terminal."""
