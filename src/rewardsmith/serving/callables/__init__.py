"""A reward model as a function that another RL trainer calls."""
