"""How often second labels agree with those of an audited set, in all and by strength (paper, Fig. 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.parts import Range
from rewardsmith.contracts.metrics.second_labels import AgreementBin, SecondErrorNumbers, SecondNumbers
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.intervals import Interval
from rewardsmith.metrics.win_rates import win_rate
from rewardsmith.preferences.second_labels import SecondLabels
from rewardsmith.strength.audited import Audited
from rewardsmith.strength.label_noise.second_view import SecondView
from rewardsmith.strength.table import NUM_BINS, strength_bins

FIFTH = NUM_BINS // 5

Floats = NDArray[np.float64]


def second_numbers(second: SecondLabels, audited: Audited, groups: NDArray[np.int64]) -> SecondNumbers:
    """Of pairs with weight, judges, a label that decides and a second label; intervals over ``groups`` [N]."""
    target, weight = (audited.pairs[name].to_numpy() for name in ("target", "weight"))
    counted = second.covered & ~np.isnan(audited.gap) & (target != 0.5) & (weight > 0)
    gap, strength = audited.gap, strength_bins(audited.gap)
    credit, with_judges, judges = (np.full(len(target), np.nan) for _ in range(3))
    credit[counted] = pair_credit(second.target[counted] - 0.5, target[counted])
    with_judges[counted] = np.where(credit[counted] == 0.5, np.nan, pair_credit(gap[counted], credit[counted]))
    judges[counted] = pair_credit(gap[counted])

    def share(values: Floats, where: NDArray[np.bool_] = counted) -> Interval:
        known = where & ~np.isnan(values)
        return win_rate(values[known], groups[known])

    bins: list[AgreementBin] = []
    for number in range(NUM_BINS):
        inside = counted & (strength == number)
        if inside.any():
            bins.append(
                {
                    "bin": number,
                    "count": int(inside.sum()),
                    "strength_mean": float(gap[inside].mean()),
                    "agreement": share(credit, inside).as_dict(),
                    "belief": float(audited.belief[inside].mean()) if audited.noise else None,
                }
            )
    return {
        **second.counts,
        "num_pairs": int(counted.sum()),
        "num_ties": int((credit == 0.5).sum()),
        "agreement": share(credit).as_dict(),
        "agreement_decided": share(np.where(credit == 0.5, np.nan, credit)).as_dict(),
        "judges_agreement": share(judges).as_dict(),
        "judges_with_second": share(with_judges).as_dict(),
        "weakest_fifth": share(credit, counted & (strength >= 0) & (strength < FIFTH)).as_dict(),
        "strongest_fifth": share(credit, counted & (strength >= NUM_BINS - FIFTH)).as_dict(),
        "by_bin": bins,
        "error": _error(audited.second),
    }


def _error(view: SecondView | None) -> SecondErrorNumbers | None:
    if view is None:
        return None
    return {
        "rate": _range(view.error),
        "repeats_labels": _range(view.repeats_label),
        "repeats_judges": _range(view.repeats_judges),
    }


def _range(interval: Interval) -> Range:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
