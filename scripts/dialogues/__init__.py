"""Makes the preference set `embedded/dialogues`."""
