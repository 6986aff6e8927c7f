"""How the states that a reward head reads lie in space: near, spread out, of which rank, on which side.

Alignment and uniformity are those of Wang and Isola (2020, arXiv 2005.10242) and go by directions. The others go by the
states as the head multiplies them. Each is at least float32, and NaN where there are too few states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

Collapse: TypeAlias = Literal["point", "line"]
POINT_VARIANCE = 1e-4
"""Below this `relative_variance` the states are one point: a typical one is within 1 % of its length from their mean,
a few rounding steps of bfloat16."""
LINE_SHARE = 0.99
"""From this `first_axis_share` on the states are one line: besides a number, nothing of a response is left."""


def alignment(first: Float[Tensor, "N D"], second: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Mean squared distance of the directions of two views of the same N things: 0 where they agree, at most 4.

    2 - 2 cos: directions at right angles have 2.
    """
    return (_directions(first) - _directions(second)).square().sum(-1).mean()


def uniformity(states: Float[Tensor, "N D"], sharpness: float = 2.0) -> Float[Tensor, ""]:
    """log mean over i < j of exp(-t |u_i - u_j|^2), with u the directions: 0 where all agree, lower the more they fill
    the sphere; about -2t where they do, at high D."""
    unit = _directions(states)
    above = torch.ones(len(unit), len(unit), dtype=torch.bool, device=unit.device).triu(1)
    squared_distances = (2 - 2 * unit @ unit.T)[above].clamp_min(0)
    if not len(squared_distances):
        return unit.new_tensor(math.nan)
    return (-sharpness * squared_distances).logsumexp(0) - math.log(len(squared_distances))


def effective_rank(states: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """exp of the entropy of the singular values, over their sum (Roy and Vetterli 2007), of the states less their mean.

    Less their mean, since the same constant in all states changes no gap. From 1 to min(N - 1, D): k where the states
    vary equally along k axes, 0 where they are all the same. Many small axes count for much: singular values, not
    variances.
    """
    if len(states) < 2:
        return _as_float(states).new_tensor(math.nan)
    values = _singular_values(states)
    if not values.sum() > 0:
        return values.sum()
    entropy: Tensor = torch.special.entr(values / values.sum()).sum()
    return entropy.exp()


def first_axis_share(states: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Share of the states' variance along their first principal axis; at least 1 / min(N - 1, D).

    NaN where nothing varies, and with two states, which always are on one line.
    """
    if len(states) < 3:
        return _as_float(states).new_tensor(math.nan)
    variances = _singular_values(states).square()
    return variances[0] / variances.sum()


def relative_variance(states: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """mean |h_i - mean h|^2 / mean |h_i|^2: 0 where all are the same, 1 where they have nothing in common."""
    states = _as_float(states)
    return (states - states.mean(0)).square().sum(-1).mean() / states.square().sum(-1).mean()


def overlap(
    chosen: Float[Tensor, "B D"], rejected: Float[Tensor, "B D"], groups: Int[Tensor, " B"] | None = None
) -> Float[Tensor, " B"]:
    """How often the nearest state of another group is of the other side: for each pair the mean of its two states.

    Over all pairs 0 where chosen and rejected lie apart, and 1/2 where they are mixed: exactly that in expectation if
    sides were drawn at random. It asks whether good responses have a place of their own, as a picture does; a head only
    needs a direction, and may be right everywhere with an overlap of 1/2. ``groups``: pairs of one prompt, which are no
    evidence for each other; None: every pair is its own. Equally near states share the vote. NaN where there is no
    other group.
    """
    states = _as_float(torch.cat([chosen, rejected]))
    num_pairs = len(chosen)
    group = (torch.arange(num_pairs, device=states.device) if groups is None else groups).repeat(2)
    is_chosen = torch.arange(2 * num_pairs, device=states.device) < num_pairs
    distances = torch.cdist(states, states, compute_mode="donot_use_mm_for_euclid_dist")
    distances = distances.masked_fill(group[:, None] == group, math.inf)
    nearest = distances.isfinite() & (distances == distances.amin(-1, keepdim=True))
    other_side = is_chosen[:, None] != is_chosen
    votes = (nearest & other_side).sum(-1).to(states) / nearest.sum(-1)
    return votes.view(2, num_pairs).mean(0)


def collapse(states: Float[Tensor, "N D"]) -> Collapse | None:
    """``"point"`` where the states are one (`POINT_VARIANCE`), ``"line"`` where they vary along one axis only
    (`LINE_SHARE`), else None. Three states at least can tell."""
    if len(states) < 3:
        return None
    if not bool(relative_variance(states) >= POINT_VARIANCE):
        return "point"
    return "line" if bool(first_axis_share(states) >= LINE_SHARE) else None


@dataclass(frozen=True)
class StateFigures:
    """What is said of the states of some pairs; NaN where they are too few."""

    uniformity: float
    effective_rank: float
    first_axis_share: float
    overlap: float
    collapse: Collapse | None


@torch.no_grad()
def describe_states(
    chosen: Float[Tensor, "B D"], rejected: Float[Tensor, "B D"], groups: Int[Tensor, " B"] | None = None
) -> StateFigures:
    """All figures of the states of B pairs; memory grows with B squared."""
    states = torch.cat([chosen, rejected]).detach()
    return StateFigures(
        float(uniformity(states)),
        float(effective_rank(states)),
        float(first_axis_share(states)),
        float(overlap(chosen, rejected, groups).mean()),
        collapse(states),
    )


def _as_float(states: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    return states.to(torch.promote_types(states.dtype, torch.float32))


def _directions(states: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    return normalize(_as_float(states), dim=-1)


def _singular_values(states: Float[Tensor, "N D"]) -> Float[Tensor, " K"]:
    """Of the states less their mean, the largest first."""
    states = _as_float(states)
    values: Tensor = torch.linalg.svdvals(states - states.mean(0))
    return values
