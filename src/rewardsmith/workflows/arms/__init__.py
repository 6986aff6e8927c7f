"""A study of arms: what it is asked for, its sets, its files, and what its processes compute."""
