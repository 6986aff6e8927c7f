"""Improving a policy against a reward: roll-outs, PPO with a critic, and what its rewards are made of."""
