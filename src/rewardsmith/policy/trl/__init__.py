"""TRL's trainers in place of our own PPO."""
