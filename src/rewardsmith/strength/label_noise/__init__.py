"""How many labels are wrong, and which: a posterior, its cells, and what votes and second labels add."""
