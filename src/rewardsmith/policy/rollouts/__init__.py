"""What a policy drew for its prompts, what was thought of it then, and the rewards that come of it."""
