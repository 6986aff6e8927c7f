"""An audit in figures."""
