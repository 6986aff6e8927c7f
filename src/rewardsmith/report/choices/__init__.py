"""What a reward model would choose among a policy's responses: one section for ``evaluate`` and each round."""
