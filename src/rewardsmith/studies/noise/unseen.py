"""Arms as they are for their search: repaired by judges that, like the arm, never saw the labels it is judged by.

A judge that trained on an inner fold hands what it learned there, its noise included, to the labels that it repairs. A
head that follows such labels closely looks good on that fold, and the search would choose far too weak a penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.methods import asks_judges, make_arms
from rewardsmith.studies.noise.suspects import Suspects

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def with_unseen(
    arms: Sequence[Arm], suspects: Suspects, truth: Floats, inner_fold: NDArray[np.int16], folds: Sequence[int]
) -> tuple[list[Arm], dict[str, str]]:
    """The arms of N training pairs; those that judges repaired also as audits without each of ``folds`` make them.

    And the reasons of those that cannot be made of fewer pairs: they are not among the arms.
    """
    methods = [arm.name for arm in arms if asks_judges(arm.name)]
    unseen: dict[str, dict[int, Arm]] = {name: {} for name in methods}
    failed: dict[str, str] = {}
    for fold in folds if methods else ():
        rows = np.flatnonzero(inner_fold != fold)
        made, reasons = make_arms(methods, suspects.take(rows), truth[rows])
        failed |= {name: f"without an inner fold: {reason}" for name, reason in reasons.items()}
        for arm in made:
            unseen[arm.name][fold] = _among(arm, rows, len(truth))
    return [replace(arm, unseen=unseen.get(arm.name, {})) for arm in arms if arm.name not in failed], failed


def _among(arm: Arm, rows: Indices, number: int) -> Arm:
    """An arm of some pairs as one of all, in which the others count nothing."""
    own = arm.supervision
    supervision = Supervision(
        _spread(own.target, rows, number),
        _spread(own.margin, rows, number),
        _spread(own.weight, rows, number),
        _spread(own.swapped, rows, number),
    )
    rates = None if arm.error_rates is None else _spread(arm.error_rates, rows, number)
    return replace(arm, supervision=supervision, error_rates=rates, given=None)


def _spread(values: NDArray[Any], rows: Indices, number: int) -> NDArray[Any]:
    found = np.zeros((number, *values.shape[1:]), dtype=values.dtype)
    found[rows] = values
    return found
