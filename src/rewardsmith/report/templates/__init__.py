"""Templates, style and script of the report: files, read through importlib.resources."""
