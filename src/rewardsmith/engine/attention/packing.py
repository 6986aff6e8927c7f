"""Packing: conversations that share a prompt become one sequence in which the prompt stands once.

    [ prompt | response 1 | response 2 | ... ]   [ prompt | response 1 | ... ]   ...

All groups of a batch follow each other in a single row without padding. Positions of every response continue those of
its prompt, and a token sees what came before it in its prompt and in its own response, nothing else, so rewards and
gradients are those of the conversations alone (`packed_attention.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.preferences.pairs.conversations import distinct
from rewardsmith.tokens.batching import Ids, shared_prefix_length
from rewardsmith.tokens.encoding import Encoded


@dataclass(frozen=True)
class Group:
    """Lengths in tokens of one shared prefix and of what follows it; a lone conversation has prefix 0."""

    prefix: int
    branches: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of the group in the row."""
        return self.prefix + sum(self.branches)


@dataclass(frozen=True)
class PackLayout:
    """Where in the row everything stands."""

    groups: tuple[Group, ...]
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """Masks made from this layout, by whoever made them: all layers of a model need the same ones."""
    windows: set[int | None] = field(default_factory=set, repr=False, compare=False)
    """Sliding windows that layers have named so far; None: a layer that sees everything."""

    @property
    def num_tokens(self) -> int:
        return sum(group.num_tokens for group in self.groups)


@dataclass(frozen=True)
class Pack:
    """A row of tokens, its layout, and where each conversation ends in it, in the order they were given."""

    input_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]
    ends: NDArray[np.int64]
    layout: PackLayout
    token_keys: NDArray[np.int64] | None


def pack(conversations: Sequence[Encoded], keys: Sequence[NDArray[np.int64]] | None = None) -> Pack:
    """One row for all conversations; equal ones of one view are computed once.

    ``keys`` are numbers of the tokens of each conversation that come along, the same where tokens are shared.
    """
    ids = [np.asarray(item.input_ids, dtype=np.int32) for item in conversations]
    ends = np.zeros(len(ids), dtype=np.int64)
    pieces: list[Ids] = []
    positions: list[NDArray[np.int64]] = []
    key_pieces: list[NDArray[np.int64]] = []
    groups: list[Group] = []
    offset = 0
    for members in by_prompt(conversations):
        unique, place = distinct([ids[i] for i in members], key=np.ndarray.tobytes)
        prefix = _prefix(unique)
        pieces.append(ids[members[0]][:prefix])
        positions.append(np.arange(prefix))
        if keys is not None:
            own = [keys[members[i]] for i in np.unique(place, return_index=True)[1]]
            key_pieces += [own[0][:prefix], *(key[prefix:] for key in own)]
        for sequence in unique:
            pieces.append(sequence[prefix:])
            positions.append(np.arange(prefix, len(sequence)))
        branches = [len(sequence) - prefix for sequence in unique]
        branch_ends = offset + prefix + np.cumsum(branches)
        ends[members] = branch_ends[place] - 1
        groups.append(Group(prefix, tuple(branches)))
        offset = int(branch_ends[-1])
    return Pack(
        np.concatenate(pieces).astype(np.int64),
        np.concatenate(positions).astype(np.int64),
        ends,
        PackLayout(tuple(groups)),
        None if keys is None else np.concatenate(key_pieces),
    )


def packed_length(conversations: Sequence[Encoded]) -> int:
    """Tokens that conversations with one prompt take in a pack."""
    unique, _ = distinct([np.asarray(item.input_ids, dtype=np.int32) for item in conversations], key=np.ndarray.tobytes)
    prefix = _prefix(unique)
    return prefix + sum(len(sequence) - prefix for sequence in unique)


def by_prompt(conversations: Sequence[Encoded]) -> list[list[int]]:
    """Positions of conversations of one view with the same tokens up to the response, in order of first appearance."""
    found: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(conversations):
        found.setdefault((item.view, *item.input_ids[: item.response_start]), []).append(index)
    return list(found.values())


def _prefix(sequences: list[Ids]) -> int:
    return shared_prefix_length(sequences) if len(sequences) > 1 else 0
