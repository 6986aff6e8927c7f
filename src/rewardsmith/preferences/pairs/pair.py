"""One preference, as every format hands it over, and what it needs to be of any use."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.conversations import Message, key_of
from rewardsmith.preferences.problems import BadRowError


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


def check_pair(pair: Pair) -> None:
    """Raises ``BadRowError`` where no reward model could learn anything from the pair.

    Empty means nothing but white space. A prompt of no messages is allowed (some forms have none); one of empty
    messages is not.
    """
    if pair.prompt and all(_is_blank(message) for message in pair.prompt):
        raise BadRowError("empty_field", "the prompt is empty")
    for name, response in (("chosen", pair.chosen), ("rejected", pair.rejected)):
        if _is_blank(response):
            raise BadRowError("empty_field", f"the {name} response is empty")
        if response["role"] != "assistant":
            raise BadRowError("no_response", f"the {name} response is a turn of the {response['role']}")
    if key_of(pair.chosen) == key_of(pair.rejected):
        raise BadRowError("identical_responses", "chosen and rejected are the same text")


def _is_blank(message: Message) -> bool:
    text = message["content"]
    return (not text or text.isspace()) and not message.get("extra")
