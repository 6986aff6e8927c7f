"""Both rewards of every pair of a set, beside what its labels say, and intervals over its prompts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.scorer import Scorer
from rewardsmith.errors import DataError, RunError
from rewardsmith.metrics.win_rates import win_rate
from rewardsmith.preferences.pairs.conversations import distinct, pair_conversations, turns_of

NAMED_PAIRS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs that count, with the rewards [N] of their two responses."""

    pairs: pa.Table
    chosen: Floats
    rejected: Floats
    num_without_weight: int
    """Pairs of weight 0, which are left out."""
    num_truncated: int
    """Distinct conversations that lost tokens because they were too long."""

    @cached_property
    def gap(self) -> Floats:
        """Reward of chosen minus reward of rejected."""
        return self.chosen - self.rejected

    @cached_property
    def target(self) -> Floats:
        """P(chosen is the better one), as labelled."""
        return np.asarray(self.pairs.column("target").to_numpy(), dtype=np.float64)

    @cached_property
    def prompts(self) -> NDArray[np.int64]:
        """Numbers of the prompts. Intervals resample them: pairs of one prompt are not independent."""
        codes = self.pairs.column("prompt_id").combine_chunks().dictionary_encode().indices
        return np.asarray(codes.to_numpy(), dtype=np.int64)


def score_pairs(scorer: Scorer, pairs: pa.Table) -> ScoredPairs:
    """Scores the pairs whose weight is not 0; a conversation that comes several times is scored once.

    ``DataError`` where there is none; ``RunError`` names the rows of rewards that are not finite numbers.
    """
    used = pairs.filter(pa.array(pairs.column("weight").to_numpy() > 0))
    if not len(used):
        raise DataError(f"no pair to evaluate on: {len(pairs)} read, all of weight 0." if len(pairs) else "no pair.")
    unique, position = distinct(chain.from_iterable(pair_conversations(used)), key=turns_of)
    scores = scorer.score(unique)
    chosen, rejected = scores.rewards.astype(np.float64)[position].reshape(2, -1)
    bad = np.flatnonzero(~np.isfinite(chosen) | ~np.isfinite(rejected))
    if len(bad):
        more = ", ..." if len(bad) > NAMED_PAIRS else ""
        rows = ", ".join(str(used.column("row")[int(i)].as_py()) for i in bad[:NAMED_PAIRS])
        raise RunError(f"{len(bad)} of {len(used)} pairs got a reward that is not a finite number: row {rows}{more}.")
    return ScoredPairs(used, chosen, rejected, len(pairs) - len(used), scores.num_truncated)


def credit_interval(
    credits: Floats, prompts: NDArray[Any], seed: int, num_resamples: int
) -> tuple[float | None, float | None]:
    """Ends of the 95 % interval of the mean of credits [N] in [0, 1], over prompts; None where it is not defined.

    NaN credits are left out.
    """
    ends = win_rate(credits, prompts, num_resamples, seed).as_dict()
    return ends["low"], ends["high"]
