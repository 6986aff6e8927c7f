"""Rewards of several responses to each prompt: how far apart they are, and whether they order as the truth does.

Prompts may have different numbers of responses; an array [P, k] is P of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.accuracy import pair_credit

Floats = NDArray[np.float64]


def pairs_within(num_samples: int) -> Sequence[NDArray[np.int64]]:
    """Positions i < j of all pairs of the responses to a prompt."""
    return np.triu_indices(num_samples, k=1)


def within_prompt_spread(rewards: Iterable[Floats]) -> float:
    """Standard deviation (divisor k) of the rewards within a prompt, mean over prompts."""
    return float(np.mean([own.std() for own in rewards]))


def gold_credits(
    rewards: Iterable[Floats], golds: Iterable[Floats], texts: Iterable[Sequence[Hashable]]
) -> tuple[Floats, NDArray[np.int64]]:
    """Of every pair of different texts and unequal gold to one prompt: whether the rewards order it as gold does.

    1, 0, or 1/2 for equal rewards; and the number of the pair's prompt, which intervals resample.
    """
    credits, prompts = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for number, (own, gold, text) in enumerate(zip(rewards, golds, texts, strict=True)):
        i, j = pairs_within(len(own))
        differ = np.array([text[a] != text[b] for a, b in zip(i, j, strict=True)], dtype=bool)
        kept = differ & (gold[i] != gold[j])
        credits.append(pair_credit((own[i] - own[j])[kept], (gold[i] > gold[j])[kept]))
        prompts.append(np.full(int(kept.sum()), number))
    return np.concatenate(credits), np.concatenate(prompts)
