"""The form of the paper's released set (`fnlp/hh-rlhf-strength-cleaned`): turns as lists of strings, the last one the
response, the turns before it the user's and the assistant's in turn.

Its columns ``chosen score list`` and ``rejected score list`` (rewards of the paper's ten models) are what the
ensemble `given` reads; they and ``GPT4 label``, ``mean preference difference`` and ``std preference difference`` stay
in the row's original columns.
"""

from __future__ import annotations

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, is_text_list, user
from rewardsmith.preferences.rows.two_responses import split_conversations

_SIDES = ("chosen", "rejected")


def _matches(record: Record) -> bool:
    return "prompt" not in record and all(is_text_list(record.get(side)) for side in _SIDES)


def _read(record: Record) -> Pair:
    chosen, rejected = (_conversation(record.get(side), side) for side in _SIDES)
    return split_conversations(chosen, rejected)


def _conversation(turns: object, side: str) -> list[Message]:
    """Roles are counted from the end: some conversations begin with the assistant."""
    if not is_text_list(turns):
        raise BadRowError("missing_field" if turns is None else "wrong_type", f'"{side}" is not a list of turns')
    return [user(text) if (len(turns) - i) % 2 == 0 else assistant(text) for i, text in enumerate(turns)]


STRENGTH_CLEANED = Format("strength_cleaned", _SIDES, _matches, _read)
