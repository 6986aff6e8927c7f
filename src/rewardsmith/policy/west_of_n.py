"""Preferences that a reward model makes of a policy's responses: the best of N above the worst (arXiv 2401.12086)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Against = Literal["worst", "random"]


@dataclass(frozen=True)
class ScoredResponses:
    """What reward models say of the k responses to a prompt."""

    rewards: Floats
    """[k] Of all members together, by whatever aggregate."""
    members: Floats
    """[M, k]"""
    texts: Sequence[Hashable]
    """[k] Equal for equal responses."""


@dataclass(frozen=True)
class MadePair:
    """The best response to a prompt and another one, by their positions, and how sure the members are of it."""

    prompt: int
    chosen: int
    rejected: int
    strength_mean: float
    """Gap of the rewards, mean over members."""
    strength_std: float
    """Its standard deviation between members (divisor M)."""
    confidence: float
    """P(chosen is better): mean over members of sigmoid(gap)."""


def make_pairs(prompts: Sequence[ScoredResponses], against: Against, seed: int) -> list[MadePair]:
    """A pair for every prompt that has two responses of different text and reward; of equal rewards the first counts.

    ``against`` random: not the worst one, but any that is worse than the best.
    """
    made = []
    for number, prompt in enumerate(prompts):
        best = int(prompt.rewards.argmax())
        worse = [i for i in _by_reward(prompt) if prompt.rewards[i] < prompt.rewards[best]]
        others = [i for i in worse if prompt.texts[i] != prompt.texts[best]]
        if not others:
            continue
        place = 0 if against == "worst" else int(np.random.default_rng([seed, number]).integers(len(others)))
        gaps = prompt.members[:, best] - prompt.members[:, others[place]]
        sure = float(expit(gaps).mean())
        made.append(MadePair(number, best, others[place], float(gaps.mean()), float(gaps.std()), sure))
    return made


def keep_most(pairs: Sequence[MadePair], share: float, of: Callable[[MadePair], float]) -> list[MadePair]:
    """The share of the pairs with the largest values, rounded up, in their order; of equal values the first."""
    order = sorted(range(len(pairs)), key=lambda i: -of(pairs[i]))
    return [pairs[i] for i in sorted(order[: ceil(share * len(pairs))])]


def _by_reward(prompt: ScoredResponses) -> list[int]:
    """Positions, the worst first."""
    order: list[int] = np.argsort(prompt.rewards, kind="stable").tolist()
    return order
