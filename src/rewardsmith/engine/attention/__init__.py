"""Packed rows, and the attention that keeps their conversations apart."""
