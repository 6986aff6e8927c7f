"""Controlled experiments, whatever they are about: splits, cells in processes, their log, paired statistics."""
