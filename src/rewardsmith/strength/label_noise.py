"""How many labels are wrong, from how often held-out judges and labels agree.

A judge that is sure is nearly always right. So among the pairs with the largest gaps, agreement with the labels rises
to a ceiling, and what is missing to 1 there is the labels' fault:

    P(label agrees with the judge's sign | gap) = e + (1 - 2 e) F(|gap| / s)

with e the share of wrong labels, s the scale of the judge's ignorance and F a link, normal or logistic (the lapse
rate of psychometrics; with the normal link: the judge misses a normal part of the true gap). Both are fitted by
maximum likelihood; the range is a bootstrap over groups and covers both links. A weak judge never reaches its
ceiling: then e and s trade off, the range is wide, and the honest answer is "not identifiable".

Assumes that errors fall on all pairs alike. Errors that gather on ambiguous pairs look like a judge's ignorance and are
not counted; those that a judge can predict from the text look like a preference; a judge that is sure and wrong on
whole prompts looks like label noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

NUM_BINS = 60
NUM_RESAMPLES = 400
NUM_DRAWS = 24  # of each link, kept for posteriors
MAX_BLOCKS = 500
WIDEST_RANGE = 0.15
MIN_GROUPS = 15
HIGHEST = 0.48
LIKELIHOOD_DROP = 1.92  # half the 95 % point of chi-squared with one degree of freedom
RATES = np.linspace(0.0025, 0.4975, 100)
SCALES = np.geomspace(0.05, 30.0, 100)  # in root mean square gaps
LINKS = {"normal": ndtr, "logistic": expit}


@dataclass(frozen=True)
class LabelNoise:
    """The share of wrong labels among decided pairs, and the fits it was read from."""

    value: float
    low: float
    high: float
    num_groups: int
    rates: NDArray[np.float64]
    """Shares of wrong labels in ``NUM_DRAWS`` resamples of each link."""
    scales: NDArray[np.float64]
    """The judge's scale in the same resamples, in logits; the first half belongs to the normal link."""

    @property
    def identifiable(self) -> bool:
        """Whether the range is narrow enough (15 points) to be worth quoting, and can be trusted.

        With fewer than 15 groups a bootstrap over groups is too narrow, and one odd prompt can pass for label noise.
        A range that reaches a half cannot be told from a judge that knows nothing.
        """
        return self.high - self.low <= WIDEST_RANGE and self.num_groups >= MIN_GROUPS and self.high < HIGHEST

    def belief(self, gap: NDArray[np.floating]) -> NDArray[np.float64]:
        """P(chosen is truly better | the judges' gap), before the label is read. Averaged over resamples and links."""
        total = np.zeros(np.shape(gap))
        for _, sure in self._draws(gap):
            total += sure
        return total / len(self.rates)

    def p_wrong(self, gap: NDArray[np.floating], rate: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """P(the label is wrong | the judges' gap and the label), by Bayes' rule in each resample, averaged.

        ``rate`` replaces the share of wrong labels where a pair's own is known, as an annotator's. NaN gaps give NaN.
        """
        total = np.zeros(np.shape(gap))
        for own_rate, sure in self._draws(gap):
            prior = own_rate if rate is None else rate
            wrong = prior * (1 - sure)
            total += wrong / np.maximum(wrong + (1 - prior) * sure, 1e-300)
        return total / len(self.rates)

    def _draws(self, gap: NDArray[np.floating]) -> Iterator[tuple[float, NDArray[np.float64]]]:
        gap = np.asarray(gap, dtype=np.float64)
        for index, (rate, scale) in enumerate(zip(self.rates, self.scales, strict=True)):
            link = LINKS["normal" if index < len(self.rates) // 2 else "logistic"]
            yield float(rate), link(gap / scale)


def estimate_label_noise(gap: NDArray[np.floating], groups: NDArray[np.int64], seed: int = 0) -> LabelNoise | None:
    """Fits the model to held-out gaps [N] as labelled; None where no pair has a gap. NaN gaps are left out.

    The value is that of the normal link, which came closest on simulated sets (docs/results/share_of_wrong_labels.md);
    the range spans the bootstraps and the profile likelihoods of both. ``groups`` [N] are resampled as wholes, in at
    most 500 blocks.
    """
    seen = ~np.isnan(gap)
    gap, groups = gap[seen], groups[seen]
    unit = float(np.sqrt(np.mean(np.square(gap)))) if len(gap) else 0.0
    if unit == 0.0:
        return None
    rng = np.random.default_rng(seed)
    centres, agree, differ = _binned(np.asarray(gap) / unit, groups, rng)
    resamples = rng.multinomial(len(agree), np.full(len(agree), 1 / len(agree)), size=NUM_RESAMPLES)
    weights = np.concatenate([np.ones((1, len(agree))), resamples])
    fits = [_fit(centres, weights @ agree, weights @ differ, link) for link in LINKS]
    possible = np.concatenate([likely for _, _, likely in fits])
    low, high = np.quantile(np.concatenate([rates[1:] for rates, _, _ in fits]), [0.025, 0.975])
    kept = slice(1, NUM_DRAWS + 1)
    return LabelNoise(
        value=float(fits[0][0][0]),
        low=min(float(low), float(possible.min())),
        high=max(float(high), float(possible.max())),
        num_groups=len(np.unique(groups)),
        rates=np.concatenate([rates[kept] for rates, _, _ in fits]),
        scales=unit * np.concatenate([scales[kept] for _, scales, _ in fits]),
    )


def _fit(
    centres: NDArray[np.float64], agree: NDArray[np.float64], differ: NDArray[np.float64], link: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rate and scale of the greatest likelihood on the grid, for each row of counts [S, bins].

    Third, the rates whose profile likelihood in the first row is not significantly smaller.
    """
    sure = LINKS[link](centres / SCALES[:, None])
    chance = RATES[:, None, None] + (1 - 2 * RATES)[:, None, None] * sure
    chance = chance.clip(1e-9, 1 - 1e-9).reshape(-1, len(centres))
    likelihood = agree @ np.log(chance).T + differ @ np.log1p(-chance).T
    rate, scale = np.divmod(likelihood.argmax(axis=1), len(SCALES))
    profile = likelihood[0].reshape(len(RATES), len(SCALES)).max(axis=1)
    return RATES[rate], SCALES[scale], RATES[profile >= profile.max() - LIKELIHOOD_DROP]


def _binned(
    gap: NDArray[np.float64], groups: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bin centres [bins], and for each block of groups the pairs in which label and judge agree or differ."""
    size = np.abs(gap)
    edges = np.unique(np.quantile(size, np.linspace(0, 1, NUM_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, size, side="right")
    number = np.bincount(bins, minlength=len(edges) + 1)
    centres = np.bincount(bins, weights=size, minlength=len(edges) + 1) / np.maximum(number, 1)
    codes = np.unique(groups, return_inverse=True)[1].reshape(-1)
    num_groups = int(codes.max()) + 1
    blocks = (rng.permutation(num_groups) % min(num_groups, MAX_BLOCKS))[codes]
    shape = (int(blocks.max()) + 1, len(edges) + 1)
    cell = blocks * shape[1] + bins
    agree = np.bincount(cell, weights=gap > 0, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    return centres, agree.astype(np.float64), (total - agree).astype(np.float64)
