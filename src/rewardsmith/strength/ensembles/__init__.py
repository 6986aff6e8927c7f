"""Ensembles of judges: who trains on what, the kinds of judges, and what they say."""
