"""The pairs of an audit, one by one: why a label is doubted, a page, a file, and a table to decide in."""
