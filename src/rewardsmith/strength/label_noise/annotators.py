"""What votes and names of annotators add to the judges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

RATES = np.linspace(0.0025, 0.4975, 100)
CELLS = (np.arange(100) + 0.5) / 100  # beliefs are read to a hundredth
TAILS = (0.025, 0.975)
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
    without a name or belief keep the set's rate. Rates of pairs are to the next of ``RATES``: however many annotators
    there are, no more than these have to be looked up.
    """
    known = np.array([name is not None for name in names]) & ~np.isnan(belief)
    labels, codes = np.unique(np.array([name or "" for name in names]), return_inverse=True)
    counts = _histogram(codes[known], belief[known], len(labels))
    right = (1 - RATES) * CELLS[:, None] + RATES * (1 - CELLS[:, None])
    centre = min(max(prior_rate, 0.01), 0.49)
    prior = PRIOR_LABELS * (centre * np.log(RATES) + (1 - centre) * np.log1p(-RATES))
    logs = counts @ np.log(right) + prior
    posterior = np.exp(logs - logs.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    mean, total = posterior @ RATES, counts.sum(axis=1)
    low, high = (RATES[(posterior.cumsum(axis=1) < tail).sum(axis=1).clip(max=len(RATES) - 1)] for tail in TAILS)
    found = [
        Annotator(str(labels[a]), int(total[a]), float(mean[a]), float(low[a]), float(high[a]))
        for a in np.argsort(-total, kind="stable")
        if total[a]
    ]
    nearest = RATES[np.rint(posterior @ np.arange(len(RATES))).astype(np.int64)]
    return found, np.where(known, nearest[codes], prior_rate)


def vote_error_rate(belief: NDArray[np.float64], lead: NDArray[np.float64], num_votes: NDArray[np.int64]) -> float:
    """How often a single vote is wrong, by maximum likelihood, the truth of each pair being unknown.

    ``lead``: votes for the labelled side less votes against it; ``num_votes``: both together. Votes of a pair err
    independently and alike (Dawid & Skene 1979 with one class of voters).
    """
    kinds, codes = np.unique(np.stack([lead, num_votes]), axis=1, return_inverse=True)
    counts = _histogram(codes.reshape(-1), belief, kinds.shape[1])
    odds = np.log1p(-RATES) - np.log(RATES)
    likelihood = np.zeros(len(RATES))
    for (ahead, total), number in zip(kinds.T, counts, strict=True):
        right = np.log(CELLS)[:, None] + ahead / 2 * odds
        wrong = np.log1p(-CELLS)[:, None] - ahead / 2 * odds
        both = np.logaddexp(right, wrong) + total / 2 * (np.log(RATES) + np.log1p(-RATES))
        likelihood += number @ both
    return float(RATES[likelihood.argmax()])


def p_wrong_by_votes(belief: NDArray[np.float64], lead: NDArray[np.float64], error_rate: float) -> NDArray[np.float64]:
    """P(the labelled side is not the better one | judges and votes) [N].

    The label itself is a count of the votes and no evidence of its own. Computed in log odds: any number of votes.
    """
    return np.asarray(expit(-(logit(belief) + lead * logit(1 - error_rate))))


def _histogram(codes: NDArray[np.int64], belief: NDArray[np.float64], num_codes: int) -> NDArray[np.float64]:
    """Counts [codes, cells] of beliefs: all that the likelihoods need, however many pairs there are."""
    cells = np.minimum((belief * len(CELLS)).astype(np.int64), len(CELLS) - 1)
    counts = np.bincount(codes * len(CELLS) + cells, minlength=num_codes * len(CELLS))
    return counts.reshape(num_codes, len(CELLS)).astype(np.float64)
