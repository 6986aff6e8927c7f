"""A reward head on frozen features, fitted to its optimum: where second-order statements about it are exact.

J(head) = sum_i w_i * [ -t_i logsigmoid(s_i) - (1 - t_i) logsigmoid(-s_i) ] + l2 / 2 * |head|^2,
s_i = x_i head - m_i,    H = sum_i w_i p_i (1 - p_i) x_i x_i' + l2,    p_i = sigmoid(s_i)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from rewardsmith.errors import RunError

MAX_STEPS = 100
TOLERANCE = 1e-12  # of the decrease that a further step would bring, per unit of weight

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Pairs as a head sees them: features chosen less rejected [N, E], and their supervision [N]."""

    features: Array
    target: Array
    margin: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.target)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        return Rows(self.features[which], self.target[which], self.margin[which], self.weight[which])

    def weighing(self, weight: Array) -> Rows:
        return replace(self, weight=weight)

    def losses(self, head: Array) -> Array:
        """Cost of each pair, not weighted."""
        shifted = self.features @ head - self.margin
        return np.asarray(self.target * np.logaddexp(0, -shifted) + (1 - self.target) * np.logaddexp(0, shifted))

    def residuals(self, head: Array) -> Array:
        """sigmoid(s) - target: the gradient of a pair's cost is this times its features."""
        return np.asarray(expit(self.features @ head - self.margin) - self.target)


@dataclass(frozen=True)
class LastLayer:
    """A head at the optimum of its loss, with the Hessian there."""

    head: Array
    factor: Array
    """Lower Cholesky factor of H."""

    def solve(self, vectors: Array) -> Array:
        """H^-1 times a vector [E], or times the columns of a matrix [E, K]."""
        return np.asarray(cho_solve((self.factor, True), vectors))


def fit_last_layer(rows: Rows, l2: float, start: Array | None = None) -> LastLayer:
    """Newton's method with halved steps where a whole one would not lower the loss. ``l2`` is above 0.

    Raises RunError for features that are not finite, or where it does not converge.
    """
    if not np.isfinite(rows.features).all():
        raise RunError("a head cannot be fitted: some features of the pairs are not finite numbers.")
    head = np.zeros(rows.features.shape[1]) if start is None else start
    total = max(1.0, float(rows.weight.sum()))
    cost = _cost(rows, l2, head)
    for _ in range(MAX_STEPS):
        residual = rows.residuals(head)
        gradient = rows.features.T @ (rows.weight * residual) + l2 * head
        layer = LastLayer(head, _hessian_factor(rows, l2, residual))
        step = layer.solve(gradient)
        slope = float(gradient @ step)
        if slope <= TOLERANCE * total:
            return layer
        size = 1.0
        while (lower := _cost(rows, l2, head - size * step)) > cost - 0.1 * size * slope and size > 1e-6:
            size /= 2
        head, cost = head - size * step, lower
    raise RunError(f"a head did not converge in {MAX_STEPS} Newton steps at an l2 of {l2}: raise it.")


def _cost(rows: Rows, l2: float, head: Array) -> float:
    return float(rows.weight @ rows.losses(head)) + l2 / 2 * float(head @ head)


def _hessian_factor(rows: Rows, l2: float, residual: Array) -> Array:
    chance = residual + rows.target
    curvature = rows.weight * chance * (1 - chance)
    hessian = rows.features.T @ (curvature[:, None] * rows.features)
    hessian[np.diag_indices_from(hessian)] += l2
    return np.tril(cho_factor(hessian, lower=True)[0])
