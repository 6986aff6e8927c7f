"""Convex fits of many logistic heads at once: the numerical core of the probe ensemble.

Each problem is minimised over ``b``:

    sum_i w_i * [ -t_i logsigmoid(s_i) - (1 - t_i) logsigmoid(-s_i) ]  +  l2 / 2 * |b|^2,      s_i = x_i b - m_i

the one loss of pairs (target t, margin m, weight w) for a linear reward on feature differences. All problems share the
rows ``x``, so a step of all of them is two matrix products. In the principal axes of ``x`` the Hessian is nearly
diagonal; that diagonal preconditions Barzilai-Borwein steps, which converge in about ten.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.errors import RunError

MAX_STEPS = 300
CURVATURE = 0.25  # the largest second derivative of the logistic loss


def principal_axes(rows: Float[Tensor, "N D"], max_dimensions: int) -> Float[Tensor, "D E"]:
    """Orthonormal directions of the rows in falling order of second moment, at most ``max_dimensions`` of them.

    The rows are differences whose sign is arbitrary, so nothing is centred.
    """
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    kept = values > values[-1].clamp(min=1e-30) * 1e-6
    axes: Tensor = vectors[:, kept].flip(1)[:, :max_dimensions]
    return axes


def fit_heads(
    rows: Float[Tensor, "N D"],
    target: Float[Tensor, " N"] | Float[Tensor, "N T"],
    weight: Float[Tensor, "N T"],
    l2: Float[Tensor, " T"],
    start: Float[Tensor, "T D"] | None = None,
    tolerance: float = 5e-3,
    margin: Float[Tensor, "N T"] | None = None,
) -> Float[Tensor, "T D"]:
    """Heads of T weightings and penalties. ``rows`` should stand in their principal axes; ``start`` saves steps.

    All problems share the targets [N], or each has its own. A head whose weights are all 0 is 0.

    Each problem stops by itself, so that none depends on labels that only another one sees. ``tolerance`` bounds the
    root mean square change of logits that a further Newton step would make. Raises RunError where a fit does not
    converge: rows that are not finite, or strongly correlated columns.
    """
    heads = rows.new_zeros(len(l2), rows.shape[1]) if start is None else start
    targets = target[:, None] if target.ndim == 1 else target
    total = weight.sum(0).clamp(min=1.0)
    spread = CURVATURE * rows.square().mean(0)
    scale = 1.0 / (total[:, None] * spread + l2[:, None])
    rate = rows.new_ones(len(l2), 1)
    moving = torch.ones_like(rate, dtype=torch.bool)
    previous: tuple[Tensor, Tensor] | None = None
    for _ in range(MAX_STEPS):
        logits = rows @ heads.T
        if margin is not None:
            logits.sub_(margin)
        residual = logits.sigmoid_().sub_(targets).mul_(weight)
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
