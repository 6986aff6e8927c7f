"""How many labels are wrong, and which, from how often held-out judges and labels agree: a posterior.

A judge that is sure is nearly always right. So among the pairs with the largest gaps, agreement with the labels rises
to a ceiling, and what is missing to 1 there is the labels' fault:

    P(label agrees with the judge's sign | gap) = e + (1 - 2 e) F(|gap| / s)

with e the share of wrong labels, s the scale of the judge's ignorance and F a link, normal or logistic (the lapse
rate of psychometrics; with the normal link: the judge misses a normal part of the true gap).

A judge that never reaches its ceiling cannot tell e from s: "half of the labels are wrong" and "the judge knows
nothing" fit alike. So both have a stated, sceptical prior (``SHARE``, ``SHARPNESS``), everything is integrated over
(e, s, F), and where the labels say nothing the answer is the prior. Pairs of a group agree or differ together: the
likelihood counts them as fewer (``design_effect``).

Assumes that errors fall on all pairs alike. Errors that gather on ambiguous pairs look like a judge's ignorance and are
not counted, so the share is a lower bound; those that a judge can predict from the text look like a preference; a
judge that is sure and wrong on whole prompts looks like label noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logsumexp, ndtr, xlog1py, xlogy

SHARE = (2.0, 18.0)
"""Prior of e, a and b of a beta distribution: one label in ten, 1 to 26 % in 95 of 100 sets; worth 20 labels known to
be right or wrong. Chosen, with ``SHARPNESS``, on simulated sets of weak, middling and strong judges
(docs/results/p_wrong_holds.md)."""
SHARPNESS = (3.0, 1.0)
"""Prior of s in root mean square gaps: log-normal, median and standard deviation of the logarithm. The judge is right
on 60 % of the pairs in the middle, and on 54 to 74 % in two sets of three."""
NUM_BINS = 60
NUM_RESIDUAL_BINS = 12
WIDEST_RANGE = 0.15
MIN_GROUPS = 15
RATES = np.array([0.002, 0.006, 0.012, *np.linspace(0.02, 0.48, 47)])
SCALES = np.geomspace(0.03, 60.0, 48)  # in root mean square gaps
LINKS = (ndtr, expit)
CURVE_POINTS = 801
LEAST_WEIGHT = 1e-6  # points of the grid less likely than this are left out
TAILS = (0.025, 0.975)

Floats = NDArray[np.float64]


def log_beta_density(share: Floats, a: float, b: float) -> Floats:
    """Of the beta distribution (``scipy.stats``, which has it too, takes half a second to import)."""
    density: Floats = xlogy(a - 1, share) + xlog1py(b - 1, -share) - betaln(a, b)
    return density


@dataclass(frozen=True)
class LabelNoise:
    """The posterior of shares and scales, and what follows from it."""

    value: float
    """Mean ``p_wrong`` of the pairs that it rests on: the expected share of wrong labels among them."""
    low: float
    high: float
    """95 % credible interval of the rate of errors."""
    num_groups: int
    unit: float
    """Root mean square gap, in logits: scales are in it."""
    posterior: Floats
    """[links, RATES, SCALES], sum 1."""

    @property
    def identifiable(self) -> bool:
        """Whether the range is narrow enough (15 points) to be worth quoting, and can be trusted.

        With fewer than 15 groups one odd prompt can pass for label noise.
        """
        return self.high - self.low <= WIDEST_RANGE and self.num_groups >= MIN_GROUPS

    def belief(self, gap: NDArray[np.floating]) -> Floats:
        """P(chosen is truly better | the judges' gap), before the label is read. NaN gaps give NaN."""
        at, sure = self._sure(gap)
        return np.asarray(np.interp(gap, at, np.einsum("lk,lkx->x", self.posterior.sum(axis=1), sure)))

    def p_wrong(self, gap: NDArray[np.floating], rate: NDArray[np.floating] | None = None) -> Floats:
        """P(the label is wrong | the judges' gap and the label), by Bayes' rule at each point of the grid, averaged.

        ``rate`` [N] replaces the share of wrong labels where a pair's own is known, as an annotator's.
        """
        if rate is None:
            return self._wrong(gap, self.posterior, RATES)
        found = np.full(np.shape(gap), np.nan)
        for own in np.unique(rate[~np.isnan(rate)]):
            where = rate == own
            found[where] = self._wrong(gap[where], self.posterior.sum(axis=1, keepdims=True), np.array([own]))
        return found

    def p_wrong_at_least(self, gap: NDArray[np.floating]) -> Floats:
        """``p_wrong`` if as few labels are wrong as may be (``low``), and the judges as ignorant as that makes them."""
        number = [int(np.abs(RATES - self.low).argmin())]
        return self._wrong(gap, self.posterior[:, number], RATES[number])

    def _wrong(self, gap: NDArray[np.floating], weights: Floats, rates: Floats) -> Floats:
        at, sure = self._sure(gap)
        curve = np.zeros(len(at))
        for link, number, scale in np.argwhere(weights > LEAST_WEIGHT * weights.max()):
            right, rate = sure[link, scale], rates[number]
            wrong = rate * (1 - right)
            curve += weights[link, number, scale] * wrong / np.maximum(wrong + (1 - rate) * right, 1e-300)
        return np.asarray(np.interp(gap, at, curve / weights.sum()))

    def _sure(self, gap: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Gaps [X] from the smallest to the largest, dense around 0, and F there [links, SCALES, X]."""
        known = np.abs(gap[~np.isnan(gap)])
        widest = np.arcsinh(max(float(known.max(initial=0.0)) / self.unit, 1.0))
        at = self.unit * np.sinh(np.linspace(-widest, widest, CURVE_POINTS))
        return at, np.stack([link(at / (self.unit * SCALES[:, None])) for link in LINKS])


def estimate_label_noise(gap: NDArray[np.floating], groups: NDArray[np.int64]) -> LabelNoise | None:
    """From held-out gaps [N] as labelled; None where no pair has a gap. NaN gaps are left out.

    ``groups`` [N] are what may err together: prompts.
    """
    seen = ~np.isnan(gap)
    gap, groups = np.asarray(gap[seen], dtype=np.float64), groups[seen]
    unit = float(np.sqrt(np.mean(np.square(gap)))) if len(gap) else 0.0
    if unit == 0.0:
        return None
    posterior = _posterior(np.asarray(gap / unit, dtype=np.float64), groups)
    by_rate = posterior.sum(axis=(0, 2))
    low, high = np.interp(TAILS, by_rate.cumsum() - by_rate / 2, RATES)
    found = LabelNoise(0.0, float(low), float(high), len(np.unique(groups)), unit, posterior)
    return replace(found, value=float(found.p_wrong(gap).mean()))


def _posterior(gap: Floats, groups: NDArray[np.int64]) -> Floats:
    """[links, RATES, SCALES] of gaps [N] in root mean square gaps."""
    bins, centres = size_bins(gap, NUM_BINS)
    number = np.bincount(bins, minlength=len(centres))
    agree = np.bincount(bins, weights=gap > 0, minlength=len(centres))
    sure = np.stack([link(centres / SCALES[:, None]) for link in LINKS])
    chance = RATES[:, None, None] + (1 - 2 * RATES)[:, None, None] * sure[:, None]
    chance = chance.clip(1e-9, 1 - 1e-9)
    likelihood = np.log(chance) @ agree + np.log1p(-chance) @ (number - agree)
    joint = likelihood / design_effect(gap, groups) + _log_prior()
    return np.asarray(np.exp(joint - logsumexp(joint)))


def _log_prior() -> Floats:
    """[RATES, SCALES]"""
    by_rate = log_beta_density(RATES, *SHARE) + np.log(np.gradient(RATES))
    return np.asarray(by_rate[:, None] + log_scale_prior(SCALES))


def log_scale_prior(scales: Floats) -> Floats:
    """Of evenly spaced logarithms of s, but for a constant. ``scales`` in root mean square gaps."""
    median, deviation = SHARPNESS
    return np.asarray(-0.5 * np.square(np.log(scales / median) / deviation))


def design_effect(gap: Floats, groups: NDArray[np.int64]) -> float:
    """By how much too many pairs are counted where those of a group [N] agree or differ together, at least 1 (Kish).

    The variance of the groups' sums of (label agrees - share that agrees at such a gap), over that of independent
    pairs. Groups of one pair give 1.
    """
    bins, _ = size_bins(gap, NUM_RESIDUAL_BINS)
    agree = (gap > 0).astype(np.float64)
    residual = agree - (np.bincount(bins, agree) / np.maximum(np.bincount(bins), 1))[bins]
    total = float(np.square(residual).sum())
    codes = np.unique(groups, return_inverse=True)[1].reshape(-1)
    return max(1.0, float(np.square(np.bincount(codes, residual)).sum()) / total) if total else 1.0


def size_bins(gap: Floats, num_bins: int) -> tuple[NDArray[np.int64], Floats]:
    """Bins [N] of about as many pairs each by the size of the gap, and the mean size in each."""
    size = np.abs(gap)
    edges = np.unique(np.quantile(size, np.linspace(0, 1, num_bins + 1)[1:-1]))
    bins = np.searchsorted(edges, size, side="right")
    number = np.bincount(bins, minlength=len(edges) + 1)
    return bins, np.bincount(bins, weights=size, minlength=len(edges) + 1) / np.maximum(number, 1)
