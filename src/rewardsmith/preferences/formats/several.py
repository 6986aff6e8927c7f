"""Several chosen or rejected responses to one prompt, as RewardBench 2 and best-of-n sets publish them.

``chosen`` and ``rejected`` are lists, or one of them is; their items are texts or message lists. Every chosen response
makes a pair with every rejected one of another text.
"""

from __future__ import annotations

from rewardsmith.contracts.conversations import Conversation, Message, key_of
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.messages import assistant, is_message_list, read_messages, read_prompt
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.prompts import PROMPTS, prompt_key_of, with_prompt, with_system
from rewardsmith.preferences.two_responses import split_conversations

_SIDES = ("chosen", "rejected")


def _matches(record: Record) -> bool:
    return prompt_key_of(record) is not None and any(_is_list(record.get(side)) for side in _SIDES)


def _is_list(value: object) -> bool:
    """Whether the value is a list of responses, and not the turns of one."""
    if not isinstance(value, list) or is_message_list(value):
        return False
    return bool(value) and all(isinstance(item, str) or is_message_list(item) for item in value)


def _read(record: Record) -> list[Pair]:
    chosen, rejected = (_conversations(record, side) for side in _SIDES)
    pairs = [split_conversations(better, worse) for better in chosen for worse in rejected]
    return [pair for pair in pairs if key_of(pair.chosen) != key_of(pair.rejected)] or pairs[:1]


def _responses(record: Record) -> list[Conversation]:
    return [with_system(record, turns) for side in _SIDES for turns in _conversations(record, side)]


def _conversations(record: Record, side: str) -> list[list[Message]]:
    """Every response of one side behind its prompt."""
    key, value = prompt_key_of(record), required(record, side)
    if key is None or record[key] in (None, "", []):
        raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
    prompt = read_prompt(record[key], key)
    responses = value if isinstance(value, list) and not is_message_list(value) else [value]
    if not responses:
        raise BadRowError("empty_field", f'"{side}" is an empty list')
    return [_conversation(prompt, response, side) for response in responses]


def _conversation(prompt: list[Message], response: object, side: str) -> list[Message]:
    if isinstance(response, str):
        return [*prompt, assistant(response)]
    return with_prompt(prompt, read_messages(response, side))


SEVERAL = Format("several", ("prompt", *_SIDES), _matches, _read, responses=_responses)
