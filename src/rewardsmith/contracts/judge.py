"""The narrow seam to whatever compares two responses: chat model, reward model, gold, stub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from rewardsmith.contracts.conversations import Conversation, Message

Outcome = Literal["win", "tie", "lose"]
"""Of the first response of a pair."""
OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "lose")
CREDIT: dict[Outcome, float] = {"win": 1.0, "tie": 0.5, "lose": 0.0}

Problem = Literal["refused", "unreadable", "cut_off", "no_answer"]
"""Why a judge does not judge a pair: it does not take it; nobody can tell what it says; it was not done when its
answer had to end; it did not answer, which another try may change."""


@dataclass(frozen=True)
class ResponsePair:
    """Two responses to one prompt. Which is called the first says nothing."""

    prompt: Conversation
    first: Message
    second: Message

    @property
    def swapped(self) -> ResponsePair:
        return ResponsePair(self.prompt, self.second, self.first)


@dataclass(frozen=True)
class Ruling:
    """What a judge says of a pair."""

    outcome: Outcome | None
    """None: not judged."""
    reason: str
    """In the judge's words; of a pair that is not judged, what was in the way."""
    shown_first: Outcome | None = None
    """What it said where the first response was shown first; None where it was not asked so, or reads no order."""
    shown_second: Outcome | None = None
    """What it said where the second response was shown first; it is of the first response, as all outcomes are."""
    problem: Problem | None = None


@runtime_checkable
class Judge(Protocol):
    """Pairs in, rulings out. Nothing above this seam knows who judges."""

    @property
    def fingerprint(self) -> str:
        """Identifies the judge and how it is asked."""
        ...

    def judge(self, pairs: Sequence[ResponsePair]) -> list[Ruling]:
        """A ruling for each pair, in order. Equal responses tie."""
        ...

    def close(self) -> None:
        """Lets models and connections go; it judges no more."""
        ...
