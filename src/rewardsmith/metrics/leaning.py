"""Which way a choice between two things leans by one number of theirs, where choices come in groups.

In closed form, since a set asks this thousands of times: by feature, category and annotator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, t

from rewardsmith.metrics.intervals import LEVEL, MIN_GROUPS, Interval, score_ends, standard_error

Floats = NDArray[np.float64]

LEAST_EFFECTIVE = 3.0
"""Where one group has nearly all, nothing is known of how groups differ."""


@dataclass(frozen=True)
class Leaning:
    """Of the numbers chosen - rejected [N]. NaN: not defined, or of too few groups (``effective_groups``)."""

    num_more: int
    """Choices of the one with more."""
    num_less: int
    difference: Interval
    """Mean over all choices, equal ones included."""
    share: Interval
    """``num_more`` / (``num_more`` + ``num_less``): how well "take the one with more" predicts the choice."""
    p_value: float
    """Of a share as far from a half, if the number had nothing to do with the choice; two-sided."""


def leaning(difference: Floats, groups: NDArray[np.int64]) -> Leaning:
    """``difference`` [N] is that of what was chosen less that of the other; choices of a group [N] may go together.

    Swapping chosen and rejected everywhere turns the signs and leaves the p-value.
    """
    differs = difference != 0
    more = difference[differs] > 0
    share, p_value = grouped_share(more, groups[differs])
    return Leaning(int(more.sum()), int((~more).sum()), grouped_mean(difference, groups), share, p_value)


def grouped_mean(values: Floats, groups: NDArray[np.int64]) -> Interval:
    """Mean of values [N] with t times ``standard_error``, of ``effective_groups`` less one degrees of freedom."""
    if not len(values):
        return Interval(nan, nan, nan)
    mean, number = float(values.mean()), effective_groups(groups)
    if number is None:
        return Interval(mean, nan, nan)
    half = float(t.ppf(0.5 + LEVEL / 2, number - 1)) * standard_error(values, groups)
    return Interval(mean, mean - half, mean + half)


def grouped_share(hits: NDArray[np.bool_], groups: NDArray[np.int64]) -> tuple[Interval, float]:
    """Share of hits [N] with Wilson's interval, and the p-value against a half that belongs to it.

    Both count N as N / max(1, D), where D is the design effect: the variance of the share with whole groups varying
    over that of N independent trials (Korn & Graubard 1998). All hits or none vary nowhere: there every group counts as
    one trial. Quantiles are those of t, with ``effective_groups`` less one degrees of freedom.
    """
    share, number = (float(hits.mean()) if len(hits) else nan), effective_groups(groups)
    if number is None:
        return Interval(share, nan, nan), nan
    independent = share * (1 - share) / len(hits)
    effect = standard_error(hits, groups) ** 2 / independent if independent else len(hits) / number
    trials = len(hits) / max(1.0, effect)
    low, high = score_ends(share, trials, float(t.ppf(0.5 + LEVEL / 2, number - 1)))
    return Interval(share, low, high), float(2 * t.sf(2 * abs(share - 0.5) * sqrt(trials), number - 1))


def effective_groups(groups: NDArray[np.int64]) -> float | None:
    """How many groups of one size are worth as much as these [N]: (sum n)^2 / sum n^2 (Kish 1965).

    None where that is below ``LEAST_EFFECTIVE``, or there are fewer than ``MIN_GROUPS``.
    """
    sizes = np.unique(groups, return_counts=True)[1]
    number = float(sizes.sum()) ** 2 / float((sizes**2).sum()) if len(sizes) else 0.0
    return number if len(sizes) >= MIN_GROUPS and number >= LEAST_EFFECTIVE else None


def adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values of one family of tests by Benjamini & Hochberg (1995); NaN, which is no test, stays.

    Of those at most q, a share q is expected to be there by chance.
    """
    found = np.array(p_values, dtype=np.float64)
    tested = np.isfinite(found)
    if tested.any():
        found[tested] = false_discovery_control(found[tested])
    return [float(p) for p in found]
