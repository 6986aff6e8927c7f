"""What a world values, as a plain number of a response's tokens: unbounded, and hackable without the guards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from rewardsmith.policy.worlds.options import WorldName

Ids = Sequence[int]
Quality = Callable[[Ids], float]
FIRST_RANK, LAST_RANK = 10, 400


def lexicon(usual: Sequence[Ids], seed: int) -> Quality:
    """Sum over *distinct* tokens of weights N(0, 1), which a random half of the frequency ranks 10 to 400 have.

    Frequencies are those in ``usual`` responses; equally frequent tokens are ranked by their ids.
    """
    counts = Counter(token for response in usual for token in response)
    ranked = sorted(counts, key=lambda token: (-counts[token], token))[FIRST_RANK - 1 : LAST_RANK]
    rng = np.random.default_rng([seed, 1])
    worth = rng.normal(size=len(ranked)) * (rng.permutation(len(ranked)) < len(ranked) / 2)
    weights = dict(zip(ranked, worth.tolist(), strict=True))
    return lambda response: sum(weights.get(token, 0.0) for token in sorted(set(response)))


def detail(usual: Sequence[Ids], seed: int) -> Quality:
    """Number of distinct tokens, whichever they are."""
    return lambda response: float(len(set(response)))


QUALITIES: dict[WorldName, Callable[[Sequence[Ids], int], Quality]] = {"lexicon": lexicon, "detail": detail}
