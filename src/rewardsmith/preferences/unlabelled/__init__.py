"""Rows whose labels nobody asks for: prompts, what a policy answered to them, demonstrations."""
