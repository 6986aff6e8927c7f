"""Ways out: the forms in which other trainers read preferences."""
