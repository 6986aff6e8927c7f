"""Contrast between states of which each is given in two views (arXiv 2401.06080, Eqs 7 to 9).

Two views are one pair read twice, each time with other dropout. What is contrasted is, of a set of pairs, either all
states, chosen and rejected, or all differences chosen - rejected and rejected - chosen: with both signs in the set,
swapping a pair changes nothing.

The published one-sided InfoNCE holds each state of the first view against all of the second; swapping views transposes
its similarities, and only the symmetric form, which is ours, does not change with it. SwAV's swapped prediction does
not either. Everything is computed on states of length 1, in float32 at least.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

ContrastOn = Literal["pairs", "differences"]


def contrasted(pairs: Float[Tensor, "B 2 2 D"], on: ContrastOn) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
    """Both views of what is contrasted, each of length 1; N = 2 B. ``pairs``: of each pair, side by view."""
    chosen, rejected = pairs.to(torch.promote_types(pairs.dtype, torch.float32)).unbind(1)
    if on == "differences":
        chosen, rejected = chosen - rejected, rejected - chosen
    one, other = _directions(torch.cat([chosen, rejected])).unbind(1)
    return one, other


def _directions(states: Float[Tensor, "N 2 D"]) -> Float[Tensor, "N 2 D"]:
    """Of length 1. A difference of 0 has none, and no gradient either: it stays 0."""
    lengths = states.norm(dim=-1, keepdim=True)
    return torch.where(lengths > 0, states / lengths.clamp_min(1e-12), 0.0)


def info_nce(
    one: Float[Tensor, "N D"], other: Float[Tensor, "N D"], temperature: float, symmetric: bool = False
) -> Float[Tensor, ""]:
    """Eq. 9: - mean_i log softmax_j(one_i . other_j / temperature)_i; log N where all states are the same.

    ``symmetric``: the mean of this and of the same with the views swapped.
    """
    similarities = one @ other.T / temperature
    own = torch.arange(len(one), device=one.device)
    forward = cross_entropy(similarities, own)
    return (forward + cross_entropy(similarities.T, own)) / 2 if symmetric else forward


def swapped_prediction(
    one: Float[Tensor, "N D"],
    other: Float[Tensor, "N D"],
    prototypes: Float[Tensor, "K D"],
    temperature: float,
    past: tuple[Float[Tensor, "P D"], Float[Tensor, "P D"]] | None = None,
) -> Float[Tensor, ""]:
    """Eqs 7 and 8: the code of each view is predicted from the other; mean over states, sum over both directions.

    Codes are targets, without a gradient. ``past``: both views of more states, which have a part in the codes alone.
    """
    scores = one @ prototypes.T, other @ prototypes.T
    with torch.no_grad():
        more = (None, None) if past is None else past
        codes = [_codes(own, old, prototypes) for own, old in zip(scores, more, strict=True)]
    return cross_entropy(scores[1] / temperature, codes[0]) + cross_entropy(scores[0] / temperature, codes[1])


def _codes(
    scores: Float[Tensor, "N K"], past: Float[Tensor, "P D"] | None, prototypes: Float[Tensor, "K D"]
) -> Float[Tensor, "N K"]:
    everything = scores if past is None else torch.cat([scores, past @ prototypes.T])
    return sinkhorn(everything)[: len(scores)]


def sinkhorn(scores: Float[Tensor, "N K"], num_iterations: int = 3, epsilon: float = 0.05) -> Float[Tensor, "N K"]:
    """SwAV's codes (arXiv 2006.09882, Eq. 3): exp(scores / epsilon), scaled towards an even use of the prototypes.

    Every item has a distribution over the prototypes, exactly; every prototype has N / K items in the limit.
    """
    logs = scores / epsilon
    evenly = math.log(scores.shape[0] / scores.shape[1])
    for _ in range(num_iterations):
        logs = logs - logs.logsumexp(0, keepdim=True) + evenly
        logs = logs.log_softmax(1)
    return logs.exp()
