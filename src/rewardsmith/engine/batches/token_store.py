"""Tokens of many conversations in a few arrays instead of millions of Python integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

CHUNK = 512


class TokenStore:
    """Encoded conversations by position: 4 bytes a token."""

    def __init__(self, encoded: Iterable[Encoded]) -> None:
        ids: list[np.ndarray] = []
        marks: list[tuple[int, int, int]] = []
        for item in encoded:
            ids.append(np.asarray(item.input_ids, dtype=np.int32))
            marks.append((item.response_start, item.response_end, item.num_cut))
        self.lengths = np.array([len(item) for item in ids], dtype=np.int64)
        self._ends = np.cumsum(self.lengths)
        self._ids = np.concatenate(ids) if ids else np.empty(0, dtype=np.int32)
        self._marks = np.array(marks, dtype=np.int32).reshape(-1, 3)

    @classmethod
    def of(cls, encoder: ConversationEncoder, conversations: Sequence[Conversation], quiet: bool = False) -> TokenStore:
        """Encodes conversations; equal ones need not be merged first."""

        def chunks() -> Iterable[Encoded]:
            with progress("Tokenising", len(conversations), quiet) as bar:
                for begin in range(0, len(conversations), CHUNK):
                    chunk = conversations[begin : begin + CHUNK]
                    yield from encoder.encode_many(chunk)
                    bar.advance(len(chunk))

        return cls(chunks())

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_cut(self) -> np.ndarray:
        """Tokens that truncation took from each conversation."""
        return self._marks[:, 2]

    def ids(self, index: int) -> np.ndarray:
        end = int(self._ends[index])
        return self._ids[end - int(self.lengths[index]) : end]

    def encoded(self, index: int) -> Encoded:
        """One conversation as the encoder gave it."""
        start, end, num_cut = (int(mark) for mark in self._marks[index])
        return Encoded(self.ids(index).tolist(), start, end, num_cut)

    def take(self, indices: np.ndarray) -> TokenStore:
        """The conversations at some positions, in that order."""
        if np.array_equal(indices, np.arange(len(self))):
            return self
        return TokenStore(self.encoded(int(index)) for index in indices)
