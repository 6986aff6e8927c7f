"""Policies that learn from demonstrations, without a reward model of their own."""
