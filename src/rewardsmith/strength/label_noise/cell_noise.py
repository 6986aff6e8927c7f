"""Shares of wrong labels that differ: by cluster (category, annotator), and by which response is the longer one.

``label_noise`` takes errors to fall on all pairs alike. Here a label of cluster c is wrong with probabilities of its
own: with a_c the longer response is called better where it is not, with b_c the shorter one. A judge sees a gap x of
longer minus shorter, and

    P(label prefers the longer | x) = a_c (1 - F(x / s)) + (1 - b_c) F(x / s),      F normal, s the judge's ignorance

(the psychometric function with two lapse rates). Everything is integrated over a grid: s and the rates of the whole set
first, under the sceptical priors of ``label_noise``, nine tenths on a = b, so that a preference for length has to
show; then the rates of each cluster around those of the set, as closely as all clusters together ask for (empirical
Bayes). The judge must not share the bias: let it learn with a column for length and read it without
(``Design.judged``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr

from rewardsmith.strength.label_noise.posterior import SHARE, design_effect, log_beta_density, log_scale_prior

NUM_BINS = 60
P_ALIKE = 0.9
"""Prior of one rate for both directions of length."""
OWN_RATE = (0.5, 4.5)
"""Prior of the rate of one direction where they differ: the mean of ``SHARE``, worth 5 labels: it may be high."""
RATES = np.array([0.002, 0.02, *np.linspace(0.05, 0.95, 19), 0.98, 0.998])
SCALES = np.geomspace(0.05, 10.0, 40)  # in root mean square gaps
CLOSENESS = (30.0, 120.0, 500.0, 5000.0)
"""How many labels the set's own rates are worth in a cluster's."""
LEAST_WEIGHT = 1e-3  # scales less likely than this are left out

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CellNoise:
    """What was found of each label and each cluster."""

    p_wrong: Floats
    """[N]; NaN for ties and where there is no gap."""
    longer_rate: float
    """P(the label prefers the longer response | it is worse), over the whole set."""
    shorter_rate: float
    """P(the label prefers the shorter response | it is worse)."""
    p_rates_differ: float
    """P(these two are not one and the same | labels and gaps); ``1 - P_ALIKE`` before."""
    cluster_rates: Floats
    """[C, 2]: the same two of each cluster."""
    error_rates: Floats
    """[N, 2]: P(labelled better | worse) of the chosen and of the rejected response; the mean of both where as long."""


def estimate_cell_noise(
    gap: Floats, target: Floats, longer: Floats, clusters: NDArray[np.int64], groups: NDArray[np.int64] | None = None
) -> CellNoise | None:
    """From held-out gaps [N] and labels, chosen minus rejected; ``longer`` [N] is the sign of the difference in length,
    ``clusters`` [N] are numbers from 0, ``groups`` [N] what may err together (default: nothing).

    A pair of equal lengths has no direction: one half of it counts in each, and it is wrong by the mean of both. None
    where no decided pair has a gap.
    """
    seen = ~np.isnan(gap) & (target != 0.5)
    if not seen.any() or not gap[seen].any():
        return None
    pairs = np.flatnonzero(seen)
    even = pairs[longer[pairs] == 0]
    row = np.concatenate([pairs, even])
    side = np.concatenate([np.where(longer[pairs] < 0, -1.0, 1.0), np.full(len(even), -1.0)])
    weight = np.where(longer[row] == 0, 0.5, 1.0)
    x = side * gap[row]
    x = x / np.sqrt(np.mean(np.square(x)))
    says_longer = (target[row] > 0.5) == (side > 0)
    cluster = clusters[row]
    bins, centres = _bins(x)
    counts = _counts(bins, says_longer, cluster, weight, len(centres), int(clusters.max()) + 1)
    signed = np.where(target[pairs] < 0.5, -gap[pairs], gap[pairs])
    effect = 1.0 if groups is None else design_effect(signed, groups[pairs])
    found = _posterior(counts / effect, centres)
    own = weight * found.p_wrong[cluster, bins, says_longer.astype(np.int64)]
    p_wrong = np.where(seen, np.bincount(row, weights=own, minlength=len(gap)), np.nan)
    longer_rate, shorter_rate = found.rates.tolist()
    rates = _rates_of_pairs(found.cluster_rates[clusters], longer)
    return CellNoise(p_wrong, longer_rate, shorter_rate, found.p_rates_differ, found.cluster_rates, rates)


def _rates_of_pairs(rates: Floats, longer: Floats) -> Floats:
    """From rates [N, 2] of the longer and of the shorter response to those of chosen and rejected."""
    side, even = longer[:, None], rates.mean(axis=1, keepdims=True)
    return np.where(side > 0, rates, np.where(side < 0, rates[:, ::-1], even))


def _bins(x: Floats) -> tuple[NDArray[np.int64], Floats]:
    edges = np.unique(np.quantile(x, np.linspace(0, 1, NUM_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, x, side="right")
    number = np.bincount(bins, minlength=len(edges) + 1)
    return bins, np.bincount(bins, weights=x, minlength=len(edges) + 1) / np.maximum(number, 1)


def _counts(
    bins: NDArray[np.int64],
    says: NDArray[np.bool_],
    cluster: NDArray[np.int64],
    weight: Floats,
    num_bins: int,
    num_clusters: int,
) -> Floats:
    """[C, bins, 2]: labels for the shorter and for the longer response."""
    code = (cluster * num_bins + bins) * 2 + says
    number = np.bincount(code, weights=weight, minlength=num_clusters * num_bins * 2)
    return np.asarray(number.reshape(num_clusters, num_bins, 2), dtype=np.float64)


class _Posterior(NamedTuple):
    p_wrong: Floats
    """[C, bins, 2]: by label, that for the shorter response first."""
    rates: Floats
    """[2]: means for the whole set."""
    p_rates_differ: float
    cluster_rates: Floats
    """[C, 2]"""


def _posterior(counts: Floats, centres: Floats) -> _Posterior:
    a, b = (grid.reshape(-1) for grid in np.meshgrid(RATES, RATES, indexing="ij"))
    alike = a == b
    prior = _log_prior(a, b, alike)
    total = counts.sum(axis=0)
    of_set = np.stack([_likelihood(total[None], centres, scale, a, b)[0] for scale in SCALES]) + prior
    of_set += log_scale_prior(SCALES)[:, None]
    of_scale = logsumexp(of_set, axis=1)
    weights = np.exp(of_scale - logsumexp(of_scale))
    weights = np.where(weights > LEAST_WEIGHT, weights, 0.0) / weights[weights > LEAST_WEIGHT].sum()
    p_wrong, cluster_rates, rates = np.zeros(counts.shape), np.zeros((len(counts), 2)), np.zeros(2)
    p_rates_differ = 0.0
    for scale, weight, joint in zip(SCALES, weights, of_set, strict=True):
        if weight:
            own = np.exp(joint - logsumexp(joint))
            centre = np.array([own @ a, own @ b])
            p_rates_differ += float(weight * own[~alike].sum())
            wrong, found = _of_clusters(counts, centres, scale, a, b, centre)
            p_wrong, cluster_rates, rates = (
                total + weight * part
                for total, part in zip((p_wrong, cluster_rates, rates), (wrong, found, centre), strict=True)
            )
    return _Posterior(p_wrong, rates, min(p_rates_differ, 1.0), cluster_rates)


def _log_prior(a: Floats, b: Floats, alike: NDArray[np.bool_]) -> Floats:
    """[G]. Rates of which the sum passes 1 would turn the judge's meaning round."""
    width = dict(zip(RATES.tolist(), np.gradient(RATES).tolist(), strict=True))
    wide = np.array([[width[rate] for rate in side.tolist()] for side in (a, b)])
    one = np.exp(log_beta_density(a, *SHARE)) * wide[0] * alike
    two = np.exp(log_beta_density(a, *OWN_RATE) + log_beta_density(b, *OWN_RATE)) * wide.prod(axis=0) * ~alike
    possible = a + b < 1
    one, two = one * possible, two * possible
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(P_ALIKE * one / one.sum() + (1 - P_ALIKE) * two / two.sum()))


def _likelihood(counts: Floats, centres: Floats, scale: float, a: Floats, b: Floats) -> Floats:
    """Log likelihood [C, G] of the counts [C, bins, 2] under each pair of rates."""
    chance = _says_longer(centres, scale, a, b)
    return np.asarray(counts[:, :, 1] @ np.log(chance) + counts[:, :, 0] @ np.log1p(-chance))


def _says_longer(centres: Floats, scale: float, a: Floats, b: Floats) -> Floats:
    """[bins, G]."""
    sure = ndtr(centres / scale)[:, None]
    return np.asarray((a * (1 - sure) + (1 - b) * sure).clip(1e-9, 1 - 1e-9))


def _of_clusters(
    counts: Floats, centres: Floats, scale: float, a: Floats, b: Floats, centre: Floats
) -> tuple[Floats, Floats]:
    """P(wrong) [C, bins, 2] and mean rates [C, 2], each cluster's rates being drawn around ``centre`` [2]."""
    likelihood = _likelihood(counts, centres, scale, a, b)
    best, posterior = -np.inf, likelihood
    for labels in CLOSENESS:
        prior = sum(
            labels * (mean * np.log(rate) + (1 - mean) * np.log1p(-rate))
            for mean, rate in zip(centre, (a, b), strict=True)
        )
        joint = likelihood + prior - logsumexp(prior)
        evidence = logsumexp(joint, axis=1)
        if evidence.sum() > best:
            best, posterior = float(evidence.sum()), np.exp(joint - evidence[:, None])
    sure = ndtr(centres / scale)[:, None]
    longer = _says_longer(centres, scale, a, b)
    wrong_if_longer = posterior @ (a * (1 - sure) / longer).T
    wrong_if_shorter = posterior @ (b * sure / (1 - longer)).T
    return np.stack([wrong_if_shorter, wrong_if_longer], axis=2), np.stack([posterior @ a, posterior @ b], axis=1)
