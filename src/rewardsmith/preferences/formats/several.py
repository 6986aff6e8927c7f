"""Several chosen or rejected responses to one prompt, as RewardBench 2 and best-of-n sets publish them.

``chosen`` and ``rejected`` are lists, or one of them is; their items are texts or message lists. Every chosen response
makes a pair with every rejected one of another text.
"""

from __future__ import annotations

from rewardsmith.contracts.conversations import Conversation, Message, key_of
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.messages import assistant, is_message_list, read_messages
from rewardsmith.preferences.rows.prompts import PROMPTS, prompt_key_of, read_prompt_column, with_prompt, with_system
from rewardsmith.preferences.rows.two_responses import split_conversations

_SIDES = ("chosen", "rejected")


def _matches(record: Record) -> bool:
    responses = [response for side in _SIDES for response in _listed(record.get(side))]
    return bool(responses) and (prompt_key_of(record) is not None or all(map(is_message_list, responses)))


def _listed(value: object) -> list[object]:
    """The responses of a list of them; none of what is something else, such as the turns of one."""
    if not isinstance(value, list) or is_message_list(value):
        return []
    responses = [item for item in value if item is not None]
    return responses if all(isinstance(item, str) or is_message_list(item) for item in responses) else []


def _read(record: Record) -> list[Pair]:
    chosen, rejected = (_conversations(record, side) for side in _SIDES)
    pairs = [split_conversations(a, b) for a in chosen if a is not None for b in rejected if b is not None]
    if not pairs:
        raise BadRowError("empty_field", "all responses of a side are missing")
    return [pair for pair in pairs if key_of(pair.chosen) != key_of(pair.rejected)] or pairs[:1]


def _responses(record: Record) -> list[Conversation | None]:
    both = [turns for side in _SIDES for turns in _conversations(record, side)]
    return [None if turns is None else with_system(record, turns) for turns in both]


def _conversations(record: Record, side: str) -> list[list[Message] | None]:
    """Every response of one side behind its prompt; None for a missing one."""
    key, value = prompt_key_of(record), required(record, side)
    prompt = None if key is None or record[key] in (None, "", []) else read_prompt_column(record, key)
    responses = value if isinstance(value, list) and not is_message_list(value) else [value]
    if not responses:
        raise BadRowError("empty_field", f'"{side}" is an empty list')
    return [None if response is None else _conversation(prompt, response, side) for response in responses]


def _conversation(prompt: list[Message] | None, response: object, side: str) -> list[Message]:
    if not isinstance(response, str):
        return with_prompt(prompt or [], read_messages(response, side))
    if prompt is None:
        raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
    return [*prompt, assistant(response)]


SEVERAL = Format("several", ("prompt", *_SIDES), _matches, _read, responses=_responses)
