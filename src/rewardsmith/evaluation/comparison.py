"""Two reward models on the same pairs: which is better, and is the difference more than chance?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.evaluate import ModelComparison
from rewardsmith.contracts.metrics.parts import MeasureDifference
from rewardsmith.evaluation.scored_pairs import ScoredPairs
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.calibration import pair_surprise, squared_errors
from rewardsmith.metrics.paired import paired_difference
from rewardsmith.metrics.temperature import crossfitted_scales

Floats = NDArray[np.float64]


def compare_models(
    first: ScoredPairs, second: ScoredPairs, seed: int = 0, num_resamples: int = 1000
) -> ModelComparison:
    """Each measure of both models and its paired difference, first minus second, with a 95 % interval over prompts.

    Accuracy gives half credit for tied rewards, so that both models are measured on the same pairs; label ties are in
    no accuracy. ``nll_at_temperature``: each model's gaps divided by its own cross-fitted temperature, which compares
    what the gaps say and not their scale.
    """
    if not first.pairs.column("pair_id").equals(second.pairs.column("pair_id")):
        raise ValueError("the two models have scored different pairs")
    target, prompts = first.target, first.prompts
    credit, other_credit = pair_credit(first.gap, target), pair_credit(second.gap, target)
    right, other_right, decided = credit == 1, other_credit == 1, ~np.isnan(credit)

    def difference(one: Floats, other: Floats, widest: float | None = None) -> MeasureDifference:
        return paired_difference(one, other, prompts, num_resamples, seed, widest=widest).as_dict()

    return {
        "accuracy_ties_half": difference(credit, other_credit, widest=1.0),
        "nll": difference(pair_surprise(first.gap, target), pair_surprise(second.gap, target)),
        "nll_at_temperature": difference(_calibrated_surprise(first, seed), _calibrated_surprise(second, seed)),
        "brier": difference(squared_errors(first.gap, target), squared_errors(second.gap, target)),
        "num_both_right": int((right & other_right).sum()),
        "num_only_first_right": int((right & ~other_right).sum()),
        "num_only_second_right": int((other_right & ~right).sum()),
        "num_neither_right": int((decided & ~right & ~other_right).sum()),
    }


def _calibrated_surprise(scored: ScoredPairs, seed: int) -> Floats:
    """Surprise of each pair at the cross-fitted temperature; NaN where there is none."""
    scales = crossfitted_scales(scored.gap, scored.target, scored.prompts, seed=seed)
    if scales is None:
        return np.full(len(scored.gap), np.nan)
    return pair_surprise(scored.gap * scales, scored.target)
