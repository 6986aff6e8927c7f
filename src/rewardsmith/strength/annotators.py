"""What votes and names of annotators add to the judges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATES = np.linspace(0.0025, 0.4975, 100)
PRIOR_LABELS = 10.0  # how many labels the set's own rate is worth in an annotator's estimate


@dataclass(frozen=True)
class Annotator:
    """One annotator's share of wrong labels with a 95 % credible interval."""

    name: str
    count: int
    error_rate: float
    low: float
    high: float


def annotator_error_rates(
    names: list[str | None], belief: NDArray[np.float64], prior_rate: float
) -> tuple[list[Annotator], NDArray[np.float64]]:
    """Error rates by annotator, most labels first, and the rate that applies to each pair [N].

    A label is right with probability (1 - e) b + e (1 - b), b being the judges' belief [N] in it. The prior is a Beta
    distribution around the set's own rate, worth ten labels, so that a newcomer is not condemned by three. Pairs
    without a name or belief keep the set's rate.
    """
    known = np.array([name is not None for name in names]) & ~np.isnan(belief)
    labels, codes = np.unique(np.array([name or "" for name in names]), return_inverse=True)
    centre = min(max(prior_rate, 0.01), 0.49)
    prior = PRIOR_LABELS * (centre * np.log(RATES) + (1 - centre) * np.log1p(-RATES))
    found, rate = [], np.full(len(names), prior_rate)
    for code, label in enumerate(labels):
        own = known & (codes == code)
        if not own.any():
            continue
        right = belief[own]
        log_likelihood = np.log((1 - RATES[:, None]) * right + RATES[:, None] * (1 - right)).sum(axis=1)
        posterior = np.exp(log_likelihood + prior - (log_likelihood + prior).max())
        posterior /= posterior.sum()
        low, high = RATES[np.searchsorted(posterior.cumsum(), [0.025, 0.975]).clip(max=len(RATES) - 1)]
        mean = float(posterior @ RATES)
        found.append(Annotator(str(label), int(own.sum()), mean, float(low), float(high)))
        rate[own] = mean
    return sorted(found, key=lambda annotator: -annotator.count), rate


def vote_error_rate(
    belief: NDArray[np.float64], votes_chosen: NDArray[np.int64], votes_rejected: NDArray[np.int64]
) -> float:
    """How often a single vote is wrong, by maximum likelihood, the truth of each pair being unknown.

    Votes of a pair err independently and alike (Dawid & Skene 1979 with one class of voters).
    """
    right = belief[:, None] * _votes_given(RATES, votes_chosen, votes_rejected)
    wrong = (1 - belief[:, None]) * _votes_given(RATES, votes_rejected, votes_chosen)
    return float(RATES[np.log(right + wrong).sum(axis=0).argmax()])


def p_wrong_by_votes(
    belief: NDArray[np.float64], votes_chosen: NDArray[np.int64], votes_rejected: NDArray[np.int64], rate: float
) -> NDArray[np.float64]:
    """P(chosen is not the better one | judges and votes) [N]. The label itself is a count of votes, no new evidence."""
    rates = np.array([rate])
    right = belief * _votes_given(rates, votes_chosen, votes_rejected)[:, 0]
    wrong = (1 - belief) * _votes_given(rates, votes_rejected, votes_chosen)[:, 0]
    return np.asarray(wrong / np.maximum(right + wrong, 1e-300))


def _votes_given(
    rates: NDArray[np.float64], votes_for: NDArray[np.int64], votes_against: NDArray[np.int64]
) -> NDArray[np.float64]:
    """P(votes | truth), shape [N, rates], up to a factor that truth does not change."""
    logs = votes_for[:, None] * np.log1p(-rates) + votes_against[:, None] * np.log(rates)
    return np.asarray(np.exp(logs))
