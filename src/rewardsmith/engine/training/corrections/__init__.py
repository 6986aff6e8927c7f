"""Supervision that a model changes while it trains."""
