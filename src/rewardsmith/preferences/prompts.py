"""The prompt beside the responses: the columns it goes by, and how it joins conversations that hold part of it."""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.messages import ROLES, is_message_list
from rewardsmith.preferences.problems import BadRowError

PROMPTS = ("prompt", "instruction", "question", "query", "input", "context", "problem")
"""Columns of the prompt, where nobody names another; the first that a row has is read."""
SYSTEM = ("system", "system_prompt", "system_message")
"""Columns of a text that comes before the prompt."""


def prompt_key_of(record: Mapping[str, object], *responses: str) -> str | None:
    """The column of the prompt by its name; None where the row has none.

    Beside ``responses`` that are conversations with turns of the user, only a column called ``prompt`` counts: of the
    other names, one is as likely to be something else.
    """
    if PROMPTS[0] in record:
        return PROMPTS[0]
    if any(_asks(record.get(key)) for key in responses):
        return None
    return next((key for key in PROMPTS if key not in responses and record.get(key) not in (None, "", [])), None)


def with_prompt(prompt: list[Message], turns: list[Message]) -> list[Message]:
    """The conversation with its prompt before it; what both hold is there once.

    A prompt that the conversation carries, wherever it does, is not put before it; one that ends with the turns that
    the conversation begins with is joined to it there. Spaces around a turn make no difference. A contradiction is not
    guessed away: ``BadRowError``.
    """
    given, carried = ([_stripped(turn) for turn in messages] for messages in (prompt, turns))
    if not given or any(carried[start : start + len(given)] == given for start in range(len(carried) - len(given) + 1)):
        return turns
    for size in range(min(len(given), len(carried) - 1), 0, -1):
        if given[-size:] == carried[:size] and any(turn[0] == "user" for turn in carried[:size]):
            return prompt + turns[size:]
    asked, again = ({turn for turn in messages if turn[0] == "user"} for messages in (given, carried))
    if asked & again or (again and given[-1][0] == "user"):
        raise BadRowError("different_prompts", "the prompt is not the one that the conversations carry")
    return prompt + turns


def with_system(record: Mapping[str, object], messages: list[Message]) -> list[Message]:
    """The messages with the row's system text before them, where it has one and they do not begin with one already."""
    if messages and messages[0]["role"] == "system":
        return messages
    system = next((text for key in SYSTEM if isinstance(text := record.get(key), str) and text.strip()), None)
    return messages if system is None else [{"role": "system", "content": system}, *messages]


def _stripped(message: Message) -> tuple[str, str, str | None]:
    return message["role"], message["content"].strip(), message.get("extra")


def _asks(value: object) -> bool:
    """Whether the value is a conversation with a turn of the user."""
    if not is_message_list(value) or not isinstance(value, list):
        return False
    roles = (turn.get("role", turn.get("from")) for turn in value if isinstance(turn, Mapping))
    return any(ROLES.get(str(role)) == "user" for role in roles)
