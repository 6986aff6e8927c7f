"""How often a reward model prefers the response that the label prefers, with ties kept apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class PairAccuracy:
    """Two accuracies and the counts behind them. A share of nothing is None."""

    accuracy: float | None
    """Correct pairs among those where label and rewards both decide."""
    accuracy_ties_half: float | None
    """The same with every pair of equal rewards counted as half correct."""
    num_pairs: int
    """Pairs whose label decides (target is not 0.5)."""
    num_correct: int
    num_ties: int
    """Pairs of equal rewards: neither correct nor wrong."""
    num_label_ties: int
    """Pairs whose target is 0.5: no reward could be right or wrong about them, so they are in neither number."""

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def pair_accuracy(gaps: ArrayLike, target: ArrayLike = 1.0) -> PairAccuracy:
    """Accuracy of gaps [N] against targets [N]; a target under 0.5 says that the rejected response is better."""
    credit = pair_credit(gaps, target)
    decided = credit[~np.isnan(credit)]
    num_correct, num_ties = int((decided == 1).sum()), int((decided == 0.5).sum())
    num_clear = len(decided) - num_ties
    return PairAccuracy(
        accuracy=num_correct / num_clear if num_clear else None,
        accuracy_ties_half=float(decided.mean()) if len(decided) else None,
        num_pairs=len(decided),
        num_correct=num_correct,
        num_ties=num_ties,
        num_label_ties=len(credit) - len(decided),
    )


def pair_credit(gaps: ArrayLike, target: ArrayLike = 1.0) -> NDArray[np.float64]:
    """1 where the gap agrees with the label, 0 where not, 0.5 where the gap is 0, NaN where the label is a tie.

    Raises ValueError for a gap that is not a number: it would otherwise count as a wrong answer.
    """
    side = np.sign(np.asarray(gaps, dtype=np.float64))
    lean = np.sign(np.broadcast_to(np.asarray(target, dtype=np.float64), side.shape) - 0.5)
    num_nan = int((np.isnan(side) | np.isnan(lean)).sum())
    if num_nan:
        raise ValueError(f"{num_nan} of {side.size} gaps or targets are NaN")
    return np.where(lean == 0, np.nan, 0.5 + 0.5 * side * lean)
