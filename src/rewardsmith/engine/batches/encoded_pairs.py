"""A preference table as tokens: what training learns from, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.tables import ERROR_RATES
from rewardsmith.engine.batches.token_store import TokenStore
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

Indices = NDArray[np.int64]
Reason = Literal["weight 0", "same tokens", "too long"]
"""Why a pair is not learned from. `same tokens`: its two conversations are one after truncation."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pair that training does not learn from."""

    row: int
    pair_id: str
    reason: Reason


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs ready for training: tokens and the three numbers of their supervision. Position i is one pair."""

    chosen: TokenStore
    rejected: TokenStore
    target: NDArray[np.float32]
    margin: NDArray[np.float32]
    weight: NDArray[np.float32]
    error_rates: NDArray[np.float32] | None
    """[N, 2], where the table has them: P(labelled better | worse) of chosen and of rejected."""
    pair_id: list[str]
    row: Indices
    left_out: tuple[LeftOut, ...] = ()
    """Pairs of the table that are not here, in its order."""

    def __len__(self) -> int:
        return len(self.pair_id)

    def name(self, index: int) -> str:
        """Where a pair stands in the input and what it is called, for an error."""
        return f"row {self.row[index]} ({self.pair_id[index][:12]})"

    def both(self, index: int) -> tuple[Encoded, Encoded]:
        """Chosen and rejected conversation of one pair."""
        return self.chosen.encoded(index), self.rejected.encoded(index)

    def views(self, index: int, num_views: int) -> list[Encoded]:
        """Both conversations of one pair, in so many views."""
        return [replace(item, view=view) for view in range(num_views) for item in self.both(index)]

    @property
    def lengths(self) -> Indices:
        """Tokens of the longer conversation of each pair."""
        return np.maximum(self.chosen.lengths, self.rejected.lengths)

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Pairs of which a conversation lost tokens [N]."""
        return np.asarray((self.chosen.num_cut > 0) | (self.rejected.num_cut > 0))

    @property
    def num_truncated(self) -> int:
        return int(self.truncated.sum())

    def differs(self) -> NDArray[np.bool_]:
        """Pairs whose two conversations have different tokens, so that they can teach something [N]."""
        return np.array([not np.array_equal(self.chosen.ids(i), self.rejected.ids(i)) for i in range(len(self))], bool)

    def num_left_out(self, reason: Reason) -> int:
        """Pairs that are not here for this reason."""
        return sum(pair.reason == reason for pair in self.left_out)


def encode_all(encoder: ConversationEncoder, pairs: pa.Table, quiet: bool = False) -> EncodedPairs:
    """Tokens of all pairs of a table, also of those that can teach nothing."""
    chosen, rejected = (TokenStore.of(encoder, side, quiet) for side in pair_conversations(pairs))
    return EncodedPairs(
        chosen=chosen,
        rejected=rejected,
        target=pairs.column("target").to_numpy().astype(np.float32),
        margin=pairs.column("margin").to_numpy().astype(np.float32),
        weight=pairs.column("weight").to_numpy().astype(np.float32),
        error_rates=_error_rates(pairs),
        pair_id=pairs.column("pair_id").to_pylist(),
        row=pairs.column("row").to_numpy().astype(np.int64),
    )


def encode_pairs(
    encoder: ConversationEncoder, pairs: pa.Table, quiet: bool = False, leave_out_long: bool = False
) -> EncodedPairs:
    """Tokens of all pairs that can teach something; the others are named; with ``leave_out_long`` truncated ones."""
    counts = pairs.column("weight").to_numpy() > 0
    encoded = encode_all(encoder, pairs.filter(pa.array(counts)), quiet)
    too_long = encoded.truncated if leave_out_long else np.zeros(len(encoded), bool)
    same = ~encoded.differs() & ~too_long
    without_weight = pairs.filter(pa.array(~counts)).select(["row", "pair_id"]).to_pylist()
    left_out = [LeftOut(reason="weight 0", **pair) for pair in without_weight]
    left_out += [*_named(encoded, too_long, "too long"), *_named(encoded, same, "same tokens")]
    return _take(encoded, np.flatnonzero(~(too_long | same)), tuple(sorted(left_out, key=lambda pair: pair.row)))


def _named(pairs: EncodedPairs, which: NDArray[np.bool_], reason: Reason) -> Iterator[LeftOut]:
    return (LeftOut(int(pairs.row[i]), pairs.pair_id[i], reason) for i in np.flatnonzero(which))


def _take(pairs: EncodedPairs, kept: Indices, left_out: tuple[LeftOut, ...]) -> EncodedPairs:
    return replace(
        pairs,
        chosen=pairs.chosen.take(kept),
        rejected=pairs.rejected.take(kept),
        target=pairs.target[kept],
        margin=pairs.margin[kept],
        weight=pairs.weight[kept],
        error_rates=None if pairs.error_rates is None else pairs.error_rates[kept],
        pair_id=[pairs.pair_id[i] for i in kept],
        row=pairs.row[kept],
        left_out=left_out,
    )


def _error_rates(pairs: pa.Table) -> NDArray[np.float32] | None:
    if ERROR_RATES[0] not in pairs.column_names:
        return None
    return np.stack([pairs[name].to_numpy().astype(np.float32) for name in ERROR_RATES], axis=1)
