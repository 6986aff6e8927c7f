"""Convex fits of many logistic heads that differ in everything but the rows.

Head T is minimised over ``b``:

    sum_i w_iT * [ -t_iT logsigmoid(s) - (1 - t_iT) logsigmoid(-s) ]  +  l2_T / 2 * |b|^2,     s = x_i b - m_iT

the one loss of pairs that carry target, margin and weight. ``strength.logistic`` fits heads that share their labels;
here every arm of a study brings its own. The method is the same: Barzilai-Borwein steps, preconditioned by the diagonal
of the Hessian, which in the principal axes of ``x`` is nearly all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.errors import RunError
from rewardsmith.strength.logistic import CURVATURE

MAX_STEPS = 300


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
    """Heads, one for each column of ``labels``. Columns do not influence each other.

    ``tolerance`` bounds the root mean square change of logits that a further Newton step would make. A head whose
    weights are all 0 is 0. Raises RunError where a fit does not converge.
    """
    heads = rows.new_zeros(len(l2), rows.shape[1]) if start is None else start
    total = labels.weight.sum(0).clamp(min=1.0)
    scale = 1.0 / (total[:, None] * CURVATURE * rows.square().mean(0) + l2[:, None])
    rate = rows.new_ones(len(l2), 1)
    moving = torch.ones_like(rate, dtype=torch.bool)
    previous: tuple[Tensor, Tensor] | None = None
    for _ in range(MAX_STEPS):
        residual = (rows @ heads.T).sub_(labels.margin).sigmoid_().sub_(labels.target).mul_(labels.weight)
        gradient = residual.T @ rows + l2[:, None] * heads
        step = scale * gradient
        moving &= ~((gradient * step).sum(-1, keepdim=True) / total[:, None] <= tolerance**2)
        if not moving.any():
            return heads
        if previous is not None:
            moved, turned = heads - previous[0], gradient - previous[1]
            curvature = (moved * turned).sum(-1, keepdim=True)
            rate = ((moved * moved / scale).sum(-1, keepdim=True) / curvature.clamp(min=1e-30)).clamp(0.1, 10.0)
        previous = (heads, gradient)
        heads = torch.where(moving, heads - rate * step, heads)
    raise RunError(
        f"a head did not converge in {MAX_STEPS} steps: its features are not finite, or far from their principal axes."
    )


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
