"""From methods and detectors to the arms of a cell: what each teaches its pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.refining.data_smoothing import smooth_labels
from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.detectors import Detectors
from rewardsmith.studies.noise.methods import ORACLE, Method
from rewardsmith.studies.noise.planting import flipped_labels

HIGHEST_RATE = 0.45
"""Of wrong labels that a loss is told of: at a half, it would learn nothing."""
SMOOTHING_BETA = 0.005
SMOOTHING_STEPS = 200
SMOOTHING_L2 = 1.0

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


def make_arms(methods: Iterable[Method], detectors: Detectors, truth: Floats) -> tuple[list[Arm], dict[str, str]]:
    """Every arm, in the order of the methods; and the reasons of those that cannot be made of these labels."""
    arms, failed = [], {}
    for method in methods:
        try:
            arms.append(make_arm(method, detectors, truth))
        except DataError as error:
            failed[method.name] = str(error)
    return arms, failed


def make_arm(method: Method, detectors: Detectors, truth: Floats) -> Arm:
    """The arm of a method. Only those that say so read ``truth``."""
    labels, chosen_by, rates = Supervision.plain(detectors.noisy), None, None
    if method.detector and method.treatment:
        wrong = flipped_labels(detectors.noisy, truth)
        flagged = wrong if method.detector == ORACLE else detectors.flagged(method.detector)
        labels = TREATED[method.treatment](labels, flagged, wrong)
    elif method.recipe:
        labels = _by_recipe(method.recipe, method.structured, detectors, labels)
    elif method.smooths:
        labels = replace(labels, target=_smoothed(detectors))
    elif method.reads_truth:
        labels, chosen_by = Supervision.plain(truth), truth
    if method.form == "noise_aware":
        common = np.full((len(truth), 2), min(detectors.noise_value, HIGHEST_RATE))
        rates = detectors.structured_rates if method.structured else common
    return Arm(method.name, labels, method.form, chosen_by, rates)


def with_arms_for_search(
    arms: Sequence[Arm],
    methods: Iterable[Method],
    detectors: Detectors,
    truth: Floats,
    inner_fold: NDArray[np.int16],
    folds: Sequence[int],
) -> tuple[list[Arm], dict[str, str]]:
    """The arms of N training pairs; those that judges repaired also as audits without each of ``folds`` make them.

    And the reasons of those that cannot be made of fewer pairs: they are not among the arms.

    A judge that trained on an inner fold hands what it learned there, its noise included, to the labels that it
    repairs. A head that follows such labels closely looks good on that fold, and the search would choose far too weak a
    penalty. So the search goes by labels of judges that, like the arm, never saw those it is judged by.
    """
    made = {arm.name for arm in arms}
    repaired = [method for method in methods if method.asks_judges and method.name in made]
    without: dict[str, dict[int, Arm]] = {method.name: {} for method in repaired}
    failed: dict[str, str] = {}
    for fold in folds if repaired else ():
        rows = np.flatnonzero(inner_fold != fold)
        found, reasons = make_arms(repaired, detectors.take(rows), truth[rows])
        failed |= {name: f"without an inner fold: {reason}" for name, reason in reasons.items()}
        for arm in found:
            without[arm.name][fold] = _among(arm, rows, len(truth))
    return [replace(arm, without_folds=without.get(arm.name, {})) for arm in arms if arm.name not in failed], failed


def _by_recipe(name: str, structured: bool, detectors: Detectors, given: Supervision) -> Supervision:
    recipe = load_recipe(name)
    if recipe.reads_structured and detectors.structured[1] is None:
        return given
    if recipe.reads_structured:
        return apply_recipe(recipe, detectors.evidence_of_both, given).supervision
    return apply_recipe(recipe, detectors.structured[0] if structured else detectors.evidence, given).supervision


def _smoothed(detectors: Detectors) -> Floats:
    rows, target = detectors.pairs.widest.rows, torch.from_numpy(detectors.noisy.astype(np.float32))
    labels = smooth_labels(rows, target, torch.ones_like(target), SMOOTHING_L2, SMOOTHING_BETA, SMOOTHING_STEPS)
    return labels.double().numpy()


def _flipped(given: Supervision, which: Mask) -> Supervision:
    return given.changed(which, target=1 - given.target, swapped=~given.swapped)


Treat = Callable[[Supervision, Mask, Mask], Supervision]
TREATED: dict[str, Treat] = {
    "drop": lambda given, flagged, _: given.changed(flagged, weight=0.0),
    "flip": lambda given, flagged, _: _flipped(given, flagged),
    "soft": lambda given, flagged, _: given.changed(flagged, target=0.5),
    ORACLE: lambda given, flagged, wrong: _flipped(given, flagged & wrong),
}
"""What is done to flagged labels; `oracle` flips those that are wrong and leaves the others."""


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
