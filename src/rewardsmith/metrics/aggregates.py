"""One reward from the rewards of several members: the mean, or something more careful where they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Aggregate = Literal["mean", "min", "mean_minus_std", "mean_minus_variance", "quantile"]

DEFAULT_COEFFICIENTS: dict[str, float] = {"mean_minus_std": 1.0, "mean_minus_variance": 1.0, "quantile": 0.25}
"""Aggregates that take a coefficient, and the one used where none is given."""


@dataclass(frozen=True)
class Aggregation:
    """How members become one reward.

    ``min`` is worst-case optimisation and ``mean_minus_variance`` uncertainty-weighted optimisation (Coste et al.
    2024, arXiv 2310.02743); ``quantile`` interpolates linearly between members. Standard deviation and variance have
    divisor M. Adding a constant to every member's rewards adds it to the aggregate.
    """

    how: Aggregate = "mean"
    coefficient: float | None = None
    """k of mean - k * std, lambda of mean - lambda * variance, or the quantile's level; None: the default."""

    def __post_init__(self) -> None:
        takes_one = self.how in DEFAULT_COEFFICIENTS
        if self.coefficient is None:
            if takes_one:
                object.__setattr__(self, "coefficient", DEFAULT_COEFFICIENTS[self.how])
            return
        if not takes_one:
            raise ValueError(f"{self.how} takes no coefficient")
        highest = 1.0 if self.how == "quantile" else np.inf
        if not 0.0 <= self.coefficient <= highest or not np.isfinite(self.coefficient):
            raise ValueError(f"the coefficient of {self.how} is {self.coefficient}, not between 0 and {highest:g}")

    def __call__(self, rewards: NDArray[Any]) -> NDArray[np.float64]:
        """The aggregate of rewards [M, ...] over their first axis, computed in float64. NaN of any member: NaN."""
        values = np.asarray(rewards, dtype=np.float64)
        if self.coefficient is None:
            return np.asarray(values.min(axis=0) if self.how == "min" else values.mean(axis=0))
        if self.how == "quantile":
            return np.asarray(np.quantile(values, self.coefficient, axis=0))
        spread = values.std(axis=0) if self.how == "mean_minus_std" else values.var(axis=0)
        return np.asarray(values.mean(axis=0) - self.coefficient * spread)
