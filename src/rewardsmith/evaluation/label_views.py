"""A reward model by three views of the same pairs: their labels, second labels, and those on which both agree.

A model that has learned the errors of its labels looks good by them, and by neither of the others (arXiv 2401.06080,
section 2.2.2, Fig. 8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.parts import IntervalNumbers, MeasureDifference
from rewardsmith.contracts.metrics.second_labels import LabelViews, ViewDifferences
from rewardsmith.evaluation.scored_pairs import ScoredPairs, credit_interval
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.intervals import group_bootstrap
from rewardsmith.metrics.paired import paired_difference

NUM_RESAMPLES = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ViewCredits:
    """Credits [N] of one model, tied rewards half; NaN but for pairs on which both labels decide."""

    given: Floats
    second: Floats
    both: Floats
    """NaN where the two labels disagree as well."""


def view_credits(scored: ScoredPairs, second: Floats) -> ViewCredits:
    """``second`` [N]: P(chosen is the better one) by second labels, NaN where they say nothing."""
    used = ~np.isnan(second) & (second != 0.5) & (scored.target != 0.5)
    given = np.where(used, pair_credit(scored.gap, scored.target), np.nan)
    other = np.where(used, pair_credit(scored.gap, np.nan_to_num(second)), np.nan)
    same = (second > 0.5) == (scored.target > 0.5)
    return ViewCredits(given, other, np.where(same, given, np.nan))


def label_views(scored: ScoredPairs, second: Floats, seed: int = 0) -> LabelViews:
    """Accuracies by the three views, and by how much two of them are above the first; intervals resample prompts."""
    credits, prompts = view_credits(scored, second), scored.prompts

    def accuracy(values: Floats) -> IntervalNumbers:
        low, high = credit_interval(values, prompts, seed, NUM_RESAMPLES)
        return {"value": float(np.nanmean(values)) if not np.isnan(values).all() else None, "low": low, "high": high}

    used = ~np.isnan(credits.given)
    rows = np.column_stack([credits.given, credits.both])[used]
    above = group_bootstrap(rows, prompts[used], _both_above_given, NUM_RESAMPLES, seed)
    return {
        "num_pairs": int(used.sum()),
        "num_both": int((~np.isnan(credits.both)).sum()),
        "given": accuracy(credits.given),
        "second": accuracy(credits.second),
        "both": accuracy(credits.both),
        "second_above_given": paired_difference(
            credits.second, credits.given, prompts, NUM_RESAMPLES, seed, widest=1.0
        ).as_dict(),
        "both_above_given": above.as_dict(),
    }


def compare_views(first: ScoredPairs, other: ScoredPairs, second: Floats, seed: int = 0) -> ViewDifferences:
    """Two models by each view, the first less the other."""
    one, two = view_credits(first, second), view_credits(other, second)

    def difference(mine: Floats, its: Floats) -> MeasureDifference:
        return paired_difference(mine, its, first.prompts, NUM_RESAMPLES, seed, widest=1.0).as_dict()

    return {
        "given": difference(one.given, two.given),
        "second": difference(one.second, two.second),
        "both": difference(one.both, two.both),
    }


def _both_above_given(rows: Floats) -> float:
    """Of credits [n, 2] by labels, and where both agree; NaN where they never do."""
    agreed = rows[~np.isnan(rows[:, 1]), 1]
    return float(agreed.mean() - rows[:, 0].mean()) if len(agreed) else np.nan
