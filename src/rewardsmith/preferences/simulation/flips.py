"""Kinds of wrong labels that can be planted, and which labels of a simulated set are flipped."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.annotators import closeness, draw_exactly

FlipKind = Literal["none", "uniform", "hard", "longer", "category", "clustered", "votes"]
"""All that anything here plants: nothing; on all pairs alike; on close pairs; so that the longer response wins; nine in
ten in one half of the categories, or of other clusters; one of the pair's votes. Whoever plants says which it can."""
SIMULATED: tuple[FlipKind, ...] = ("uniform", "hard", "longer", "category")

NOISY_SHARE = 0.9
"""Of the flips of `category` and `clustered`, the share that falls on the noisy half of the clusters."""


def pick_flips(
    kind: str,
    rate: float,
    true_gap: NDArray[np.float64],
    longer_by: NDArray[np.float64],
    category: NDArray[np.int64],
    eligible: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The pairs whose label is flipped, shape [N]: exactly round(rate * number of eligible pairs).

    * ``uniform``: every eligible pair alike;
    * ``hard``: by weight exp(-2 |gap| / median |gap|), so mostly pairs whose responses are about equally good;
    * ``longer``: only pairs whose label prefers the shorter response (``longer_by`` < 0), as an annotator would who
      takes length for quality; more than there are of them is an error;
    * ``category``: one half of the categories, drawn by the seed, gets nine flips in ten (fewer where it is full).

    ``longer_by`` = length of the labelled winner minus length of the loser. Pairs that are not eligible (ties) stay.
    """
    if not 0 <= rate < 1:
        raise ConfigError(f"`flip_rate` {rate}: give a share of at least 0 and below 1.")
    if kind not in SIMULATED:
        raise ConfigError(f'`flips` "{kind}" is not known. Choose one of {", ".join(SIMULATED)}.')
    count = round(rate * int(eligible.sum()))
    weights = eligible.astype(np.float64)
    if kind == "hard":
        weights *= closeness(true_gap)
    elif kind == "longer":
        weights *= longer_by < 0
        if count > np.count_nonzero(weights):
            share = np.count_nonzero(weights) / max(1, len(weights))
            raise ConfigError(
                f"`flip_rate` {rate} with `flips` longer: only {share:.0%} of the labels prefer the shorter response; "
                "lower the rate."
            )
    elif kind == "category":
        noisy, inside = noisy_half(category, eligible, count, rng)
        drawn = draw_exactly(weights * noisy, inside, rng)
        return drawn | draw_exactly(weights * ~noisy, count - inside, rng)
    return draw_exactly(weights, count, rng)


def noisy_half(
    clusters: NDArray[np.int64], eligible: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], int]:
    """The pairs [N] of one half of the clusters, and how many of ``count`` flips fall on it: nine in ten, fewer where
    it is full, more where the other half is."""
    names = rng.permutation(np.unique(clusters))
    noisy = np.isin(clusters, names[: max(1, len(names) // 2)])
    inside = min(round(NOISY_SHARE * count), int((eligible & noisy).sum()))
    return noisy, max(inside, count - int((eligible & ~noisy).sum()))
