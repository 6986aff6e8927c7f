"""Heads by a likelihood that knows how often labels err (``objectives.noise_aware``).

Maximised by expectation and maximisation: the belief in each label by what the head says of it, then the head by these
beliefs. The likelihood has several maxima; this finds the one next to the plain head.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rewardsmith.objectives.noise_aware import believed_target
from rewardsmith.studies.noise.heads import Labels, fit_arms

NUM_ROUNDS = 12


def fit_noise_aware(
    rows: Float[Tensor, "N E"],
    labels: Labels,
    rates: Float[Tensor, "N 2 T"],
    l2: Float[Tensor, " T"],
    start: Float[Tensor, "T E"],
) -> Float[Tensor, "T E"]:
    """Heads from those of the plain loss. ``rates``: P(labelled better | worse) of chosen and of rejected, in this
    order."""
    # Errors shrink a head by about what labels and truth correlate.
    heads = start / (1 - rates.sum(1).mean(0)).clamp(min=0.1)[:, None]
    for _ in range(NUM_ROUNDS):
        shifted = rows @ heads.T - labels.margin
        target = believed_target(shifted, labels.target, rates[:, 0], rates[:, 1])
        heads = fit_arms(rows, Labels(target, labels.margin, labels.weight), l2, heads)
    return heads
