"""Both rewards of every pair of a set, beside what its labels say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.batches.pair_conversations import pair_conversations
from rewardsmith.errors import DataError, RunError

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

    @cached_property
    def gap(self) -> Floats:
        """Reward of chosen minus reward of rejected."""
        return self.chosen - self.rejected

    @cached_property
    def target(self) -> Floats:
        """P(chosen is the better one), as labelled."""
        return np.asarray(self.pairs.column("target").to_numpy(), dtype=np.float64)

    @cached_property
    def prompts(self) -> NDArray[Any]:
        """What intervals resample: pairs of one prompt are not independent."""
        return np.asarray(self.pairs.column("prompt_id").to_pylist())


def score_pairs(scorer: Scorer, pairs: pa.Table) -> ScoredPairs:
    """Scores the pairs whose weight is not 0; a conversation that comes several times is scored once.

    ``DataError`` where there is none; ``RunError`` names the rows of rewards that are not finite numbers.
    """
    used = pairs.filter(pa.array(pairs.column("weight").to_numpy() > 0))
    if not len(used):
        raise DataError(f"no pair to evaluate on: {len(pairs)} read, all of weight 0." if len(pairs) else "no pair.")
    position: dict[str, int] = {}
    distinct: list[Conversation] = []
    places = np.empty((2, len(used)), dtype=np.int64)
    for side, conversations in enumerate(pair_conversations(used)):
        for i, conversation in enumerate(conversations):
            key = json.dumps([[message["role"], message["content"]] for message in conversation])
            if key not in position:
                position[key] = len(distinct)
                distinct.append(conversation)
            places[side, i] = position[key]
    rewards = scorer.score(distinct).astype(np.float64)
    chosen, rejected = rewards[places[0]], rewards[places[1]]
    bad = np.flatnonzero(~np.isfinite(chosen) | ~np.isfinite(rejected))
    if len(bad):
        more = ", ..." if len(bad) > NAMED_PAIRS else ""
        rows = ", ".join(str(used.column("row")[int(i)].as_py()) for i in bad[:NAMED_PAIRS])
        raise RunError(f"{len(bad)} of {len(used)} pairs got a reward that is not a finite number: row {rows}{more}.")
    return ScoredPairs(used, chosen, rejected, len(pairs) - len(used))
