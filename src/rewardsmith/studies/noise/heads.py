"""Logistic heads of arms that differ in everything but the rows: target, margin and weight of every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.objectives.noise_aware import believed_target
from rewardsmith.strength.ensembles.logistic import CURVATURE, fit_heads

NUM_ROUNDS = 12
"""Of expectation and maximisation."""


@dataclass(frozen=True)
class Labels:
    """What N pairs teach each of T heads."""

    target: Float[Tensor, "N T"]
    margin: Float[Tensor, "N T"]
    weight: Float[Tensor, "N T"]


def fit_arms(
    rows: Float[Tensor, "N E"],
    labels: Labels,
    l2: Float[Tensor, " T"],
    start: Float[Tensor, "T E"] | None = None,
    tolerance: float = 5e-3,
) -> Float[Tensor, "T E"]:
    """Heads, one for each column of ``labels``. Raises RunError where a fit does not converge."""
    return fit_heads(rows, labels.target, labels.weight, l2, start, tolerance, labels.margin)


def descend(rows: Float[Tensor, "N E"], labels: Labels, steps: Sequence[int]) -> list[Float[Tensor, "T E"]]:
    """Heads after so many steps of gradient descent from zero, without a penalty, at one over the largest curvature."""
    heads = rows.new_zeros(labels.target.shape[1], rows.shape[1])
    largest = CURVATURE * torch.linalg.eigvalsh(rows.T @ rows)[-1]
    rate = 1.0 / (largest * labels.weight.mean(0).clamp(min=1e-12))
    path = []
    for step in range(1, max(steps) + 1):
        residual = (rows @ heads.T).sub_(labels.margin).sigmoid_().sub_(labels.target).mul_(labels.weight)
        heads = heads - rate[:, None] * (residual.T @ rows)
        if step in steps:
            path.append(heads)
    return path


def fit_noise_aware(
    rows: Float[Tensor, "N E"],
    labels: Labels,
    rates: Float[Tensor, "N 2 T"],
    l2: Float[Tensor, " T"],
    start: Float[Tensor, "T E"],
) -> Float[Tensor, "T E"]:
    """Heads by a likelihood that knows how often labels err (``objectives.noise_aware``), from those of the plain loss.

    ``rates``: P(labelled better | worse) of chosen and of rejected, in this order. Maximised by expectation and
    maximisation: the belief in each label by what the head says of it, then the head by these beliefs. The likelihood
    has several maxima; this finds the one next to the plain head.
    """
    # Errors shrink a head by about what labels and truth correlate.
    heads = start / (1 - rates.sum(1).mean(0)).clamp(min=0.1)[:, None]
    for _ in range(NUM_ROUNDS):
        shifted = rows @ heads.T - labels.margin
        target = believed_target(shifted, labels.target, rates[:, 0], rates[:, 1])
        heads = fit_arms(rows, Labels(target, labels.margin, labels.weight), l2, heads)
    return heads
