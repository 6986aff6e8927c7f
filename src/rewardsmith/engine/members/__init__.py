"""Ensembles that are trained: members of their own, or forked from one trunk."""
