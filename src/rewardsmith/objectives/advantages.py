"""Advantages of sampled tokens: how much better each went than expected. Masks are True at tokens of the response."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SMALLEST_VARIANCE = 1e-8
SMALLEST_SPREAD = 1e-4


def generalised_advantages(
    rewards: Float[Tensor, "N T"],
    values: Float[Tensor, "N T"],
    mask: Bool[Tensor, "N T"],
    gamma: float = 1.0,
    gae_lambda: float = 0.95,
) -> tuple[Float[Tensor, "N T"], Float[Tensor, "N T"]]:
    """Advantages and returns (Schulman et al. 2016, arXiv 1506.02438, Eq. 16); both are 0 off the mask.

    delta_t = r_t + gamma V_(t+1) - V_t and A_t = delta_t + gamma lambda A_(t+1), with V and A 0 behind the last token;
    the return is A_t + V_t. With lambda 1 returns do not depend on the values. A mask has no gaps.
    """
    rewards, values = rewards.where(mask, 0.0), values.where(mask, 0.0)
    advantages = torch.zeros_like(rewards)
    ahead = next_value = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        ahead = rewards[:, t] + gamma * next_value - values[:, t] + gamma * gae_lambda * ahead
        advantages[:, t], next_value = ahead, values[:, t]
    return advantages, advantages + values


def leave_one_out(rewards: Float[Tensor, "P k"]) -> Float[Tensor, "P k"]:
    """Reward less the mean of the other k - 1 of the same prompt (RLOO; Ahmadian et al. 2024, arXiv 2402.14740).

    ``ValueError`` for one sample a prompt, which has no others.
    """
    k = rewards.shape[1]
    if k < 2:
        raise ValueError("leaving one out needs two samples of each prompt")
    return (rewards - rewards.mean(1, keepdim=True)) * (k / (k - 1))


def over_spread(rewards: Float[Tensor, "P k"]) -> Float[Tensor, "P k"]:
    """Reward less the mean of its prompt's k, over their standard deviation (GRPO; Shao et al. 2024, arXiv 2402.03300).

    The divisor of the variance is k - 1, and 1e-4 is added to the deviation, as TRL does: equal rewards give 0.
    ``ValueError`` for one sample a prompt.
    """
    if rewards.shape[1] < 2:
        raise ValueError("a spread needs two samples of each prompt")
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + SMALLEST_SPREAD)


def whitened(
    values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"], keep_mean: bool = False, correction: int = 0
) -> Float[Tensor, "*shape"]:
    """Values on the mask scaled to a variance of 1 (divisor n - ``correction``), with mean 0 or the one they had.

    Elsewhere 0. Values that are all equal stay at the mean, and so does a single one.
    """
    inside = values[mask]
    if len(inside) <= correction:
        return values.where(mask, 0.0) if keep_mean else torch.zeros_like(values)
    mean = inside.mean()
    scaled = (values - mean) * (inside.var(correction=correction) + SMALLEST_VARIANCE).rsqrt()
    return (scaled + mean if keep_mean else scaled).where(mask, 0.0)


def rewards_by_token(
    rewards: Float[Tensor, " N"], kl_costs: Float[Tensor, "N T"], mask: Bool[Tensor, "N T"]
) -> Float[Tensor, "N T"]:
    """What each token earns: less its own KL cost, and at the last of the response the reward of the whole.

    An empty response earns nothing.
    """
    is_last = mask & (mask.flip(1).cumsum(1).flip(1) == 1)
    return is_last * rewards[:, None] - kl_costs.where(mask, 0.0)
