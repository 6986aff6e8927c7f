"""The prompt beside the responses: the columns it goes by, and how it joins conversations that hold part of it."""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import ROLES, is_message_list, read_messages, read_prompt, user

PROMPTS = ("prompt", "instruction", "question", "query", "input", "context", "problem")
"""Columns of the prompt, where nobody names another; the first that a row has is read."""
CONVERSATIONS = ("messages", "conversation", "conversations")
"""Columns of a whole conversation; one that ends with the user is a prompt."""
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
    named = next((key for key in PROMPTS if key not in responses and record.get(key) not in (None, "", [])), None)
    return named or next((key for key in CONVERSATIONS if key not in responses and _ends_asking(record.get(key))), None)


def read_prompt_column(record: Mapping[str, object], key: str) -> list[Message]:
    """The prompt in a column found by its name: Alpaca's ``instruction`` with the ``input`` below it."""
    value, more = record[key], record.get("input") if key == "instruction" else None
    if isinstance(value, str) and isinstance(more, str) and more:
        return [user(f"{value}\n{more}")]
    return read_prompt(value, key)


def with_prompt(prompt: list[Message], turns: list[Message]) -> list[Message]:
    """The conversation with its prompt before it; what both hold is there once.

    A prompt that the conversation carries, wherever it does, is not put before it; one that ends with the turns that
    the conversation begins with is joined to it there. Spaces around a turn make no difference. A contradiction is not
    guessed away: ``BadRowError``.
    """
    given, carried = ([_stripped(turn) for turn in messages] for messages in (prompt, turns))
    if len(turns) == 1 and turns[0]["role"] == "assistant":  # the response, be it in the prompt's own words
        return prompt + turns
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
    for key in SYSTEM:
        given = record.get(key)
        if isinstance(given, str) and given.strip():
            return [{"role": "system", "content": given}, *messages]
        if is_message_list(given):
            return [*read_messages(given, key), *messages]
        if isinstance(given, list | Mapping) and given:
            raise BadRowError("wrong_type", f'"{key}" is neither text nor a message')
    return messages


def _stripped(message: Message) -> tuple[str, str, str | None]:
    return message["role"], message["content"].strip(), message.get("extra")


def _asks(value: object) -> bool:
    """Whether the value is a conversation with a turn of the user."""
    if not is_message_list(value) or not isinstance(value, list):
        return False
    return any(map(_is_of_user, value))


def _ends_asking(value: object) -> bool:
    return is_message_list(value) and isinstance(value, list) and _is_of_user(value[-1])


def _is_of_user(turn: object) -> bool:
    return isinstance(turn, Mapping) and ROLES.get(str(turn.get("role", turn.get("from")))) == "user"
