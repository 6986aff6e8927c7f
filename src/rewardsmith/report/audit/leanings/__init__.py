"""Which way the labels lean, as a sentence, a figure, tables and a file."""
