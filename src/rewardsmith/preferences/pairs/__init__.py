"""What a pair is, what depends on its text alone, and what is known of a whole table of them."""
