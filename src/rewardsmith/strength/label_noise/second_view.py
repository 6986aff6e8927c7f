"""What a second label says of the first: a posterior of how often the second view errs, and of whom it only repeats.

A pair's label is wrong with probability p, by all that is known without the second view. This has the label's side with

    P(agrees | label right) = c + d m + (1 - c - d) (1 - e)        P(agrees | label wrong) = c + d m + (1 - c - d) e

e being its own error rate, c the share of pairs in which it has the label's side whatever is true, d that in which it
has the judges', and m whether these two are one. With c = d = 0 its agreement is (1 - e)(1 - w) + e w, from which e
follows where the share w of wrong labels is known. But a view that errs where the label does (the same hard pairs, the
same liking for length, a copy) agrees more often than that, and would pass for a good one; and so would a view that
errs with the judges. Both show: the first opposes too few of the labels that are doubted without it, the second sides
with the judges where these know nothing. So c, d and e are inferred together.

e differs by how sure the judges are: each bin has its own, drawn around that of the set as closely as the bins ask for.
Everything is integrated over a grid. Where p is the same for all pairs, c keeps its prior. Ties say nothing. e stops at
one half: nobody is believed the other way round.

Assumes that what is left of the second view, a share 1 - c - d, errs apart from label and judges. It is never trusted
more than c = d = 0 allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from rewardsmith.metrics.intervals import Interval
from rewardsmith.strength.label_noise.posterior import TAILS, design_effect, size_bins

NUM_BINS = 5
CLOSENESS = (30.0, 120.0, 500.0)
"""How many labels the set's own error rate is worth in a bin's."""
NUM_CHANCES = 40
CURVE_POINTS = 201
SHARES = np.linspace(0, 1, 21)
REPEATS = np.array([(c, d) for c in SHARES for d in SHARES if c + d < 1 + 1e-9])
"""[G, 2]: c and d. Their prior, with what is left, is Dirichlet(1, 1, 2): each a quarter, half of it the view's own."""
ERRORS = np.array([0.002, 0.01, *np.linspace(0.02, 0.5, 25)])
LEAST = 1e-9  # of a probability whose logarithm is taken
TINY = 1e-300
LEAST_WEIGHT = 1e-5  # points of the grid less likely than this are left out

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SecondView:
    """What was found of the second view, and of the labels with it."""

    error: Interval
    """Its own error rate, over the set."""
    repeats_label: Interval
    """c."""
    repeats_judges: Interval
    """d."""
    p_wrong: Floats
    """[N]; as it was where the second view has no say."""


def second_view(p_wrong: Floats, gap: Floats, agrees: Floats, groups: NDArray[np.int64]) -> SecondView | None:
    """Of N pairs, by what is known without it: ``p_wrong`` and the judges' ``gap`` in the direction of the label.

    ``agrees``: 1 where it has the label's side, 0 where the other, else no say (a tie, NaN). ``groups`` are what may
    agree together. None where it has no say on any pair.
    """
    seen = ~np.isnan(p_wrong) & ~np.isnan(gap) & np.isin(agrees, (0.0, 1.0))
    if not seen.any():
        return None
    p, with_judges, same = p_wrong[seen], gap[seen] > 0, agrees[seen] == 1
    bins, _ = size_bins(gap[seen], NUM_BINS)
    effect = design_effect(np.where(same, 1.0, -1.0) * (np.abs(gap[seen]) + LEAST), groups[seen])
    weights, of_set = _posterior(p, with_judges, same, bins, effect)
    found = p_wrong.copy()
    found[seen] = _with_second(p, with_judges, same, bins, weights)
    label, judges = REPEATS.T
    shares = weights[0].sum(axis=1)
    return SecondView(_interval(of_set, ERRORS), _interval(shares, label), _interval(shares, judges), found)


def _posterior(
    p: Floats, with_judges: Mask, same: Mask, bins: NDArray[np.int64], effect: float
) -> tuple[Floats, Floats]:
    """[bins, G, ERRORS], each of sum 1, and that of the set's own rate [ERRORS]."""
    inside = [bins == number for number in range(bins.max() + 1)]
    likelihood = np.stack([_likelihood(p[k], with_judges[k], same[k]) for k in inside]) / effect
    highest = likelihood.max(axis=2, keepdims=True)
    given = np.exp(likelihood - highest)  # [bins, G, own rate]
    around = np.stack([_around(labels) for labels in CLOSENESS])[:, None]  # [closeness, 1, own rate, set's rate]
    own = np.maximum(given @ around, TINY)  # [closeness, bins, G, set's rate]
    prior = (1 - REPEATS.sum(axis=1)).clip(0)[:, None] * np.gradient(ERRORS)
    joint = (np.log(own) + highest).sum(axis=1) + np.log(np.maximum(prior, TINY))
    joint = np.exp(joint - joint.max())
    joint /= joint.sum()
    weights = given * ((joint[:, None] / own) @ around.swapaxes(2, 3)).sum(axis=0)
    return weights / weights.sum(axis=(1, 2), keepdims=True), joint.sum(axis=(0, 1))


def _around(labels: float) -> Floats:
    """The prior of a bin's rate [own rate, set's rate], worth ``labels`` labels; columns of sum 1."""
    prior = labels * (xlogy(ERRORS, ERRORS[:, None]) + xlog1py(1 - ERRORS, -ERRORS[:, None]))
    prior = np.exp(prior - prior.max(axis=0)) * np.gradient(ERRORS)[:, None]
    return np.asarray(prior / prior.sum(axis=0))


def _likelihood(p: Floats, with_judges: Mask, same: Mask) -> Floats:
    """Log likelihood [G, ERRORS]; p_wrong is rounded to one of a few values."""
    places = np.minimum((p * NUM_CHANCES).astype(np.int64), NUM_CHANCES - 1) + NUM_CHANCES * with_judges
    number = np.bincount(places, minlength=2 * NUM_CHANCES)
    there = np.flatnonzero(number)
    agree = np.bincount(places, weights=same, minlength=2 * NUM_CHANCES)[there]
    centre = np.bincount(places, weights=p, minlength=2 * NUM_CHANCES)[there] / number[there]
    right, wrong = _agrees(there >= NUM_CHANCES)
    chance = (right * (1 - centre) + wrong * centre).clip(LEAST, 1 - LEAST)
    return np.asarray((xlogy(agree, chance) + xlog1py(number[there] - agree, -chance)).sum(axis=-1))


def _agrees(with_judges: Mask) -> tuple[Floats, Floats]:
    """P(agrees | label right) and P(agrees | label wrong) [G, ERRORS, n], by whether the judges have its side [n]."""
    label, judges = REPEATS.T[..., None, None]
    base, own = label + judges * with_judges, 1 - label - judges
    return base + own * (1 - ERRORS[:, None]), base + own * ERRORS[:, None]


def _with_second(p: Floats, with_judges: Mask, same: Mask, bins: NDArray[np.int64], weights: Floats) -> Floats:
    """P(wrong | p, second view) [n], by Bayes' rule at each point of ``weights`` [bins, G, ERRORS], averaged."""
    likely = weights.max(axis=0) > LEAST_WEIGHT
    at, found = np.linspace(0, 1, CURVE_POINTS), np.empty(len(p))
    for side in (True, False):
        right, wrong = (chance[likely] for chance in _agrees(np.array([side])))  # [points, 1]
        for says in (True, False):
            good, bad = (right, wrong) if says else (1 - right, 1 - wrong)
            total = at * bad + (1 - at) * good
            after = np.where(total > 0, at * bad / np.maximum(total, TINY), at)  # 0: it never says so
            for number, own in enumerate(weights[:, likely]):
                where = (with_judges == side) & (same == says) & (bins == number)
                found[where] = np.interp(p[where], at, own @ after / own.sum())
    return found


def _interval(weights: Floats, values: Floats) -> Interval:
    """Mean and 95 % credible interval of ``values`` [n], some of which may be alike."""
    distinct, places = np.unique(values, return_inverse=True)
    mass = np.bincount(places, weights=weights) / weights.sum()
    low, high = np.interp(TAILS, np.cumsum(mass) - mass / 2, distinct)
    return Interval(float(mass @ distinct), float(low), float(high))
