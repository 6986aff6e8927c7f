"""Checks of one pair by itself. Checks across pairs are in ``set_checks.py``."""

from __future__ import annotations

from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError


def check_pair(pair: Pair) -> None:
    """Raises ``BadRowError`` where no reward model could learn anything from the pair.

    Empty means nothing but white space. A prompt of no messages is allowed (some forms have none); one of empty
    messages is not.
    """
    if pair.prompt and all(_is_blank(message["content"]) for message in pair.prompt):
        raise BadRowError("empty_field", "the prompt is empty")
    for name, response in (("chosen", pair.chosen), ("rejected", pair.rejected)):
        if _is_blank(response["content"]):
            raise BadRowError("empty_field", f"the {name} response is empty")
        if response["role"] != "assistant":
            raise BadRowError("no_response", f"the {name} response is a turn of the {response['role']}")
    if pair.chosen["content"] == pair.rejected["content"]:
        raise BadRowError("identical_responses", "chosen and rejected are the same text")


def _is_blank(text: str) -> bool:
    return not text or text.isspace()
