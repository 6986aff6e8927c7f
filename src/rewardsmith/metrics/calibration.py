"""Whether sigmoid(gap) can be taken at its word: likelihood, Brier score, calibration error, reliability table.

Which response of a pair is called chosen is up to the label, and a label of 1 on every pair leaves nothing to compare a
probability with. So each pair is turned to the response that the rewards prefer: its *confidence* sigmoid(|gap|) lies
between 0.5 and 1, and its *agreement* is the share of the label that is on the same side. Calibrated means that among
pairs of confidence c, a share c of the labels agrees. Swapping the two responses of any pair changes no number here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]

NUM_BINS = 10
"""Of equal width."""
MOST_BINS = 20
"""Of equal mass."""


@dataclass(frozen=True)
class ReliabilityRow:
    low: float
    """Least confidence in the bin."""
    high: float
    count: int
    confidence: float
    """Mean confidence: the share of agreeing labels that the rewards promise."""
    agreement: float
    """The share that is there."""


def probability(gap: ArrayLike) -> Floats:
    """sigmoid(gap): P(chosen is the better response), exact for gaps of any size."""
    values = np.asarray(gap, dtype=np.float64)
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def confidence(gap: ArrayLike) -> Floats:
    """sigmoid(|gap|) in [0.5, 1]: how sure the rewards are of the response that they prefer."""
    return probability(np.abs(np.asarray(gap, dtype=np.float64)))


def agreement(gap: ArrayLike, target: ArrayLike = 1.0) -> Floats:
    """Share of each label on the side of its gap: the target, or 1 - target under a negative gap; 0.5 at gap 0."""
    side = np.sign(np.asarray(gap, dtype=np.float64))
    return 0.5 + side * (np.broadcast_to(np.asarray(target, dtype=np.float64), side.shape) - 0.5)


def squared_errors(gap: ArrayLike, target: ArrayLike = 1.0) -> Floats:
    """(sigmoid(gap) - target)^2 of each pair [N]: a soft target is the probability itself, so reaching it is free."""
    return np.square(probability(gap) - np.asarray(target, dtype=np.float64))


def brier_score(gap: ArrayLike, target: ArrayLike = 1.0) -> float:
    """Mean of ``squared_errors``: 0.25 for constant rewards under plain labels, 0 at best. NaN for no pairs."""
    errors = squared_errors(gap, target)
    return float(errors.mean()) if errors.size else nan


def pair_surprise(gaps: ArrayLike, target: ArrayLike = 1.0) -> NDArray[np.float64]:
    """-target * log sigmoid(gap) - (1 - target) * log sigmoid(-gap) of each pair [N]; log 2 at gap 0."""
    gap, wanted = np.asarray(gaps, dtype=np.float64), np.asarray(target, dtype=np.float64)
    return np.asarray(wanted * np.logaddexp(0, -gap) + (1 - wanted) * np.logaddexp(0, gap))


def negative_log_likelihood(gaps: ArrayLike, target: ArrayLike = 1.0) -> float:
    """Mean of ``pair_surprise``; log 2 is what constant rewards reach.

    Label ties (target 0.5) count: they cost least at gap 0. Margins and weights of training do not enter. NaN for no
    pairs.
    """
    surprise = pair_surprise(gaps, target)
    return float(surprise.mean()) if surprise.size else nan


def num_mass_bins(num_pairs: int) -> int:
    """N^(1/3), from 1 to ``MOST_BINS``: more bins see finer errors, and see each of them less clearly."""
    root: float = num_pairs ** (1 / 3)
    return min(max(1, round(root)), MOST_BINS)


def equal_mass_bins(sure: Floats) -> Bins:
    """Bin of each pair [N], from 0 by rising confidence: ``num_mass_bins`` of about equal size.

    Equal confidences share a bin, so neither the order of the pairs nor chance decides who is counted where; there may
    be fewer bins than asked for.
    """
    if not len(sure):
        return np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(sure, np.linspace(0, 1, num_mass_bins(len(sure)) + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, sure, side="right"), return_inverse=True)[1].reshape(-1)


def equal_width_bins(sure: Floats) -> Bins:
    """Bin of each pair [N], from 0, each a ``NUM_BINS``-th of [0.5, 1]; empty ones have no number."""
    place = np.minimum((sure - 0.5) * 2 * NUM_BINS, NUM_BINS - 1).astype(np.int64)
    return np.unique(place, return_inverse=True)[1].reshape(-1)


def reliability_table(sure: Floats, agree: Floats, bins: Bins) -> list[ReliabilityRow]:
    """One row a bin, by rising confidence."""
    rows = []
    for index in range(int(bins.max()) + 1 if len(bins) else 0):
        inside = bins == index
        own = sure[inside]
        rows.append(
            ReliabilityRow(float(own.min()), float(own.max()), len(own), float(own.mean()), float(agree[inside].mean()))
        )
    return rows


def calibration_error(sure: Floats, agree: Floats, bins: Bins) -> float:
    """Expected calibration error: mean over pairs of |mean confidence - mean agreement| of their bin; NaN for none.

    Few pairs to a bin make it large for any model: compare it with ``error_by_chance``.
    """
    return float(np.abs(np.bincount(bins, weights=sure - agree)).sum() / len(sure)) if len(sure) else nan


def error_by_chance(sure: Floats, bins: Bins) -> float:
    """About the calibration error that a perfectly calibrated model would have on these pairs; NaN for none.

    The sum of a bin's errors is then nearly normal with variance sum p (1 - p), and the mean size of such a number is
    sqrt(2 / pi) of its deviation. Takes labels as plain and independent: soft targets scatter less, several pairs of a
    prompt more.
    """
    if not len(sure):
        return nan
    variance = np.bincount(bins, weights=sure * (1 - sure))
    return float(sqrt(2 / pi) * np.sqrt(variance).sum() / len(sure))
