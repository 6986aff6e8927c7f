"""The narrow seam to whatever gives rewards: local model, feature head, ensemble, remote server, stub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation


@dataclass(frozen=True)
class Scores:
    """Raw rewards (logits) of some conversations, in the order given."""

    rewards: NDArray[np.float32]
    """[N]"""
    members: NDArray[np.float32]
    """[M, N]: what each member thinks. A single model is its own only member."""
    num_truncated: int
    """How many of these conversations lost tokens because they were too long; in an ensemble, for its first model."""

    @classmethod
    def of_one(cls, rewards: NDArray[np.float32], num_truncated: int) -> Scores:
        """The scores of a single model."""
        return cls(rewards, rewards[None], num_truncated)


@runtime_checkable
class Scorer(Protocol):
    """Conversations in, rewards out. Nothing above this seam knows where a model runs.

    It keeps nothing of what it scored, so that several threads may ask at once.
    """

    @property
    def fingerprint(self) -> str:
        """Identifies weights, tokenizer, template and aggregate: equal fingerprints give equal rewards."""
        ...

    @property
    def num_members(self) -> int:
        """At least 1."""
        ...

    @property
    def device(self) -> str:
        """Where it runs, for a record: ``cpu``, ``cuda:0``, an address."""
        ...

    @property
    def num_bytes(self) -> int:
        """Memory that it holds on its device until it is closed."""
        ...

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        """The last message of each conversation is its response. No conversations: no rewards.

        ``RefusedError`` where one of them is not taken.
        """
        ...

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        """Place and reason of each that a chat template or tokenizer does not take; ``score`` raises for such."""
        ...

    def close(self) -> None:
        """Lets models and connections go; it scores no more."""
        ...


@runtime_checkable
class ShowsStates(Protocol):
    """A scorer whose rewards are a linear function of states, and which can show these."""

    def states(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """[N, D]: what the output layer of the reward multiplies, in the order given.

        ``RefusedError`` as with ``Scorer.score``.
        """
        ...


@runtime_checkable
class ShowsViews(ShowsStates, Protocol):
    """One that can also read a conversation twice with something left out, as contrastive training does."""

    def views(self, conversations: Sequence[Conversation], dropout: float, seed: int = 0) -> NDArray[np.float32]:
        """States [2, N, D] where a share ``dropout`` of what every block gives is dropped, each time another.

        ``ConfigError`` where the model's blocks cannot drop.
        """
        ...
