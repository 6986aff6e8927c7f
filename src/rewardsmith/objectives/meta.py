"""MetaRM's objective: how far a reward model tells the responses to one prompt apart (arXiv 2401.06080, Eq. 11).

    J = 2 / k^2 * sum over i < j of sigmoid(|r_i - r_j|),  mean over prompts

It lies between (k - 1) / 2k, where all rewards are equal, and (k - 1) / k. It knows no right and wrong, and any model
raises it by multiplying its rewards. ``standardised`` rewards cannot be multiplied, so J of them is about their shape
alone. (The quotient J / std would not do: rewards of zero maximise it.)
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

MetaObjective = Literal["spread", "standardised"]
SMALLEST_VARIANCE = 1e-12


def meta_objective(rewards: Float[Tensor, "m k"], objective: MetaObjective = "spread") -> Float[Tensor, ""]:
    """J of the rewards, or of the standardised ones. Constants added to the rewards of a prompt change nothing."""
    return differences(rewards if objective == "spread" else standardised(rewards)).mean()


def differences(rewards: Float[Tensor, "m k"]) -> Float[Tensor, " m"]:
    """J of each prompt; at least float32. Equal rewards have no gradient."""
    k = rewards.shape[1]
    rewards = rewards.to(torch.promote_types(rewards.dtype, torch.float32))
    i, j = torch.triu_indices(k, k, offset=1, device=rewards.device)
    return 2 / k**2 * (rewards[:, i] - rewards[:, j]).abs().sigmoid().sum(1)


def standardised(rewards: Float[Tensor, "m k"]) -> Float[Tensor, "m k"]:
    """The rewards divided by ``within_prompt_std``; those that are all equal stay equal."""
    return rewards / within_prompt_std(rewards)


def within_prompt_std(rewards: Float[Tensor, "m k"]) -> Float[Tensor, ""]:
    """Root mean square distance of a reward from the mean of its prompt; at least 1e-6.

    Not from the mean of all: between prompts rewards do not compare.
    """
    around = rewards - rewards.mean(1, keepdim=True)
    return around.square().mean().clamp_min(SMALLEST_VARIANCE).sqrt()
