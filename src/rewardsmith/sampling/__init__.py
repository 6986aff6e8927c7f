"""A policy and prompts in, responses out: models that run here, and endpoints."""
