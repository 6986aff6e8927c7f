"""Files that are whole or absent, one writer at a time, and the fingerprints of what is in them."""
