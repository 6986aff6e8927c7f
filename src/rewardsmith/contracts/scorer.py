"""The narrow seam to whatever gives rewards: local model, feature head, remote server, stub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation


class Scorer(Protocol):
    """Conversations in, raw rewards (logits) out. Nothing above this seam knows where a model runs."""

    @property
    def fingerprint(self) -> str:
        """Identifies weights, tokenizer and template: equal fingerprints give equal rewards."""
        ...

    def score(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards, shape [N], in the order given. The last message of each conversation is its response."""
        ...


class MemberScorer(Scorer, Protocol):
    """A scorer that can also say what each of its members thinks; a single model is its own only member."""

    @property
    def num_members(self) -> int:
        """Members, at least 1."""
        ...

    def score_members(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards [M, N] of every member, in the order given."""
        ...
