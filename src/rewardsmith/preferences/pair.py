"""One preference, as every format hands it over."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.conversations import Message


@dataclass(slots=True)
class Pair:
    """A prompt and two responses, the one labelled better first.

    ``prompt`` may be empty where the form has none. ``target`` is P(chosen is the better one): 1 for a decided label,
    0.5 for a tie (the order of the two is then arbitrary). Votes and scores are evidence, kept beside the label.
    """

    prompt: list[Message]
    chosen: Message
    rejected: Message
    target: float = 1.0
    margin: float = 0.0
    weight: float = 1.0
    source: str | None = None
    category: str | None = None
    annotator_id: str | None = None
    votes: tuple[int, int, int] | None = None
    """Votes for chosen, for rejected, for a tie."""
    score_chosen: float | None = None
    score_rejected: float | None = None
