"""PPO on the training loop: roll-outs as its source, and its step."""
