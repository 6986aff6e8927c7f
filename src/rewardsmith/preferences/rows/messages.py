"""Turning what files hold (strings, message lists) into messages, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from rewardsmith.contracts.conversations import EXTRA, Message
from rewardsmith.preferences.problems import BadRowError, shown

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""Role names met in files -> ours."""

TEXT_PARTS = ("text", "input_text", "output_text")
"""Types of the parts of a content that are text."""


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def is_message_list(value: object) -> bool:
    """Whether the value looks like ``[{"role": ..., "content": ...}, ...]``, one such object, or columns of them.

    ShareGPT's ``from`` and ``value`` are other names for role and content.
    """
    if isinstance(value, Mapping):
        return ("role" in value and ("content" in value or "tool_calls" in value)) or {"from", "value"} <= value.keys()
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and _is_message(value[0])


def is_text_list(value: object) -> TypeGuard[list[str]]:
    """Whether the value is a list of strings, such as the turns of a conversation, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def read_messages(value: object, field: str) -> list[Message]:
    """The messages of a list, with our role names. Raises ``BadRowError`` for anything else."""
    if isinstance(value, Mapping):
        value = _rows_of_columns(value, field)
    if not isinstance(value, list):
        raise BadRowError("wrong_type", f'"{field}" is {_kind(value)}, not text or a list of messages')
    return [_read_message(message, field) for message in value]


def read_response(value: object, field: str) -> Message:
    """The one response that a string, or a list of exactly one assistant message, stands for."""
    if isinstance(value, str):
        return assistant(value)
    messages = read_messages(value, field)
    if len(messages) != 1:
        raise BadRowError("wrong_type", f'"{field}" holds {len(messages)} messages where one response is expected')
    return messages[0]


def read_prompt(value: object, field: str) -> list[Message]:
    """The prompt that a string (one user turn) or a list of messages stands for."""
    return [user(value)] if isinstance(value, str) else read_messages(value, field)


def _is_message(value: Mapping[str, object]) -> bool:
    return "content" in value or "tool_calls" in value or "value" in value


def _read_message(message: object, field: str) -> Message:
    if not isinstance(message, Mapping):
        raise BadRowError("wrong_type", f'"{field}" holds {_kind(message)} where a message is expected')
    role = message.get("role", message.get("from"))
    content = message.get("content", message.get("value"))
    extra = {key: message[key] for key in EXTRA if message.get(key) not in (None, "", [], {})}
    known = ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise BadRowError("unknown_role", f'"{field}" has a message with the role {shown(role)}')
    if isinstance(content, list):
        content = _text_of_parts(content, field)
    if content is None and extra:
        content = ""  # an assistant that only calls tools says nothing
    if not isinstance(content, str):
        raise BadRowError("wrong_type", f'"{field}" has a message whose content is {_kind(content)}, not text')
    if not extra:
        return {"role": known, "content": content}
    return {"role": known, "content": content, "extra": _json(extra, field)}


def _json(extra: Mapping[str, object], field: str) -> str:
    try:
        return json.dumps(extra, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = f'"{field}" has a message whose {", ".join(extra)} cannot be written as JSON'
        raise BadRowError("wrong_type", message) from error


def _text_of_parts(parts: Sequence[object], field: str) -> str:
    """Content given as typed parts: only text can be judged here."""
    texts = []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, Mapping) else None
        text = part.get("text") if isinstance(part, Mapping) and kind in TEXT_PARTS else None
        if not isinstance(text, str):
            named = "" if kind is None or kind in TEXT_PARTS else f": {shown(kind)}"
            raise BadRowError("wrong_type", f'"{field}" has a message with a part that is not text{named}')
        texts.append(text)
    return "".join(texts)


def _rows_of_columns(columns: Mapping[str, object], field: str) -> list[dict[str, object]]:
    """``{"role": [...], "content": [...]}``, as ``datasets`` stores some lists, row by row; or one message."""
    roles, contents = columns.get("role"), columns.get("content")
    if isinstance(roles, str) or isinstance(columns.get("from"), str):
        return [dict(columns)]
    if not isinstance(roles, list) or not isinstance(contents, list) or len(roles) != len(contents):
        raise BadRowError("wrong_type", f'"{field}" is an object, not text or a list of messages')
    lists = {key: value for key, value in columns.items() if isinstance(value, list) and len(value) == len(roles)}
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _kind(value: object) -> str:
    """A plain name of the type, for messages to people."""
    names = {"NoneType": "null", "dict": "an object", "list": "a list", "str": "text", "bool": "true/false"}
    return names.get(type(value).__name__, "a number" if isinstance(value, int | float) else type(value).__name__)
