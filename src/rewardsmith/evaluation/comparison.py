"""Two reward models on the same pairs: which is better, and is the difference more than chance?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.evaluation.scored_pairs import ScoredPairs
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.calibration import squared_errors
from rewardsmith.metrics.likelihood import pair_surprise
from rewardsmith.metrics.paired import paired_difference
from rewardsmith.metrics.temperature import crossfitted_scales


def compare_models(first: ScoredPairs, second: ScoredPairs, seed: int = 0, num_resamples: int = 1000) -> dict[str, Any]:
    """Each measure of both models and its paired difference, first minus second, with a 95 % interval over prompts.

    Accuracy gives half credit for tied rewards, so that both models are measured on the same pairs; label ties are in
    no accuracy. ``nll_at_temperature``: each model's gaps divided by its own cross-fitted temperature, which compares
    what the gaps say and not their scale.
    """
    if not first.pairs.column("pair_id").equals(second.pairs.column("pair_id")):
        raise ValueError("the two models have scored different pairs")
    target, prompts = first.target, first.prompts
    credits = [pair_credit(scored.gap, target) for scored in (first, second)]
    measures = {
        "accuracy_ties_half": credits,
        "nll": [pair_surprise(scored.gap, target) for scored in (first, second)],
        "nll_at_temperature": [_calibrated_surprise(scored, seed) for scored in (first, second)],
        "brier": [squared_errors(scored.gap, target) for scored in (first, second)],
    }
    right = [credit == 1 for credit in credits]
    decided = ~np.isnan(credits[0])
    return {
        **{
            name: paired_difference(
                *values, prompts, num_resamples, seed, widest=1.0 if name == "accuracy_ties_half" else None
            ).as_dict()
            for name, values in measures.items()
        },
        "num_both_right": int((right[0] & right[1]).sum()),
        "num_only_first_right": int((right[0] & ~right[1]).sum()),
        "num_only_second_right": int((right[1] & ~right[0]).sum()),
        "num_neither_right": int((decided & ~right[0] & ~right[1]).sum()),
    }


def _calibrated_surprise(scored: ScoredPairs, seed: int) -> NDArray[np.float64]:
    """Surprise of each pair at the cross-fitted temperature; NaN where there is none."""
    scales = crossfitted_scales(scored.gap, scored.target, scored.prompts, seed=seed)
    if scales is None:
        return np.full(len(scored.gap), np.nan)
    return pair_surprise(scored.gap * scales, scored.target)
