"""The one reward loss: a Bradley-Terry likelihood that reads target, margin and weight.

With gap = r(x, chosen) - r(x, rejected) and s = gap - margin, a pair costs

    -target * logsigmoid(s) - (1 - target) * logsigmoid(-s)

and a step costs the mean of these over the pairs' weights. Flip, drop, smoothing, soft labels and adaptive margins
(arXiv 2401.06080, Eqs 2, 5, 6) are values of the three columns, not losses of their own. Equation 6 is printed with the
margin outside the sigmoid, where it has no gradient; it is inside here.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

Supervision: TypeAlias = Float[Tensor, "*members B"] | Float[Tensor, " B"] | float
"""One of the three numbers of a pair: for each member, for all members alike, or for all pairs alike."""


def preference_loss(
    gap: Float[Tensor, "*members B"], target: Supervision = 1.0, margin: Supervision = 0.0
) -> Float[Tensor, "*members B"]:
    """Cost of each pair, not yet weighted; at least float32, whatever the model computes in.

    The gradient is sigmoid(gap - margin) - target, and the optimum gap margin + logit(target). Adding a constant to
    both rewards changes nothing; L(gap, t, m) = L(-gap, 1 - t, -m). A target or margin has the shape of the gap or its
    last axis; any other shape is an error, since [B] against [B, 1] would silently compare every pair with every other.
    """
    gap = gap.to(torch.promote_types(gap.dtype, torch.float32))
    shifted = gap - _like_gap(gap, margin, "margin")
    target = _like_gap(gap, target, "target")
    return -target * logsigmoid(shifted) - (1 - target) * logsigmoid(-shifted)


def weighted_mean(
    values: Float[Tensor, "*members B"],
    weight: Supervision,
    total_weight: Float[Tensor, "*members"] | float | None = None,
) -> Float[Tensor, "*members"]:
    """sum(weight * values) / sum(weight) over the last axis.

    ``total_weight`` replaces the denominator where these pairs are only a part of an optimiser step (a micro-batch, one
    of several processes): the parts then add up to the mean over the whole step. Nothing of weight 0 contributes, not
    even a value that is infinite; with no weight at all the mean is 0, so that nothing is learned from nothing.
    """
    weight = _like_gap(values, weight, "weight")
    terms = torch.where(weight > 0, values * weight, torch.zeros_like(values))
    total = weight.sum(-1) if total_weight is None else torch.as_tensor(total_weight).to(values)
    return torch.where(total > 0, terms.sum(-1) / total.clamp_min(torch.finfo(values.dtype).tiny), 0.0)


def centering_loss(
    chosen: Float[Tensor, "*members B"], rejected: Float[Tensor, "*members B"]
) -> Float[Tensor, "*members B"]:
    """(r_chosen + r_rejected)^2 of each pair, which fixes the constant that the likelihood leaves free.

    Eisenstein et al., arXiv 2312.09244; TRL's ``center_rewards_coefficient`` multiplies its mean (0.01 is usual).
    """
    dtype = torch.promote_types(chosen.dtype, torch.float32)
    return (chosen.to(dtype) + rejected.to(dtype)).square()


def _like_gap(gap: Float[Tensor, "*members B"], value: Supervision, name: str) -> Float[Tensor, "*members B"]:
    if not isinstance(value, Tensor):
        return torch.full_like(gap, value)
    if value.shape not in (gap.shape, gap.shape[-1:]):
        raise ValueError(f"{name} has shape {tuple(value.shape)}; the gaps have {tuple(gap.shape)}")
    return value.to(gap).expand_as(gap)
