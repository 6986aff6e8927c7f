"""Who labels a simulated pair: annotators of known skill, and which pairs they call a tie."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError

Annotator = Literal["exact", "bradley_terry", "thurstone"]
ANNOTATORS: tuple[Annotator, ...] = ("exact", "bradley_terry", "thurstone")


def first_wins(
    true_gap: NDArray[np.float64],
    skill: NDArray[np.float64],
    annotator: str,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Whether the first response of each pair is preferred, shape [N].

    ``true_gap`` = r(first) - r(second), in logits. An annotator of skill s judges a pair with probability s and tosses
    a coin otherwise, so that its rate of random errors is (1 - s) / 2 whatever the gap. A judged pair follows

    * ``exact``: the sign of the gap;
    * ``bradley_terry``: P(first) = sigmoid(gap);
    * ``thurstone``: P(first) = Phi(gap / 1.702), a normal curve of the same scale (case V).
    """
    if annotator not in ANNOTATORS:
        raise ConfigError(f'`annotator` "{annotator}" is not known. Choose one of {", ".join(ANNOTATORS)}.')
    n = len(true_gap)
    noise = np.zeros(n)
    if annotator == "bradley_terry":
        noise = rng.logistic(size=n)
    elif annotator == "thurstone":
        noise = 1.702 * rng.normal(size=n)
    judged = true_gap + noise > 0
    coin = rng.random(n) < 0.5
    return np.where(rng.random(n) < skill, judged, coin)


def check_skills(skills: tuple[float, ...]) -> NDArray[np.float64]:
    """Skills as an array, shape [A]; each in [0, 1]."""
    array = np.asarray(skills, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.all((array >= 0) & (array <= 1)):
        raise ConfigError(f"`annotator_skills` {skills}: give one number between 0 and 1 for each annotator.")
    return array


def pick_ties(true_gap: NDArray[np.float64], rate: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The pairs called a tie: exactly round(rate * N) of them, close pairs far more often than clear ones."""
    if not 0 <= rate < 1:
        raise ConfigError(f"`tie_rate` {rate}: give a share of at least 0 and below 1.")
    return draw_exactly(closeness(true_gap), round(rate * len(true_gap)), rng)


def closeness(true_gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights exp(-2 |gap| / median |gap|): a pair of median gap weighs e^-2 of a pair without gap."""
    size = np.abs(true_gap)
    scale = float(np.median(size)) if len(size) else 1.0
    return np.exp(-2.0 * size / (scale or 1.0))


def draw_exactly(weights: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Exactly ``count`` items without replacement, by weight (Gumbel top-k). Items of weight 0 are never drawn."""
    available = int(np.count_nonzero(weights))
    if count > available:
        raise ConfigError(f"{count} pairs were asked for, but only {available} of {len(weights)} are eligible.")
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + rng.gumbel(size=len(weights))
    drawn = np.zeros(len(weights), dtype=bool)
    drawn[np.argsort(-keys, kind="stable")[:count]] = True
    return drawn
