"""An audit as a page and in words."""
