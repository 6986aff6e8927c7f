"""The version of this package. It imports nothing, so that anyone may import it."""

__version__ = "0.1.0"
