"""Worlds in which the true reward is known: prompts, a policy to begin with, gold, and noisy preferences."""
