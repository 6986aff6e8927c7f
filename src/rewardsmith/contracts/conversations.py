"""What a conversation is, everywhere in the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict


class Message(TypedDict):
    """One turn. ``role`` is ``system``, ``user``, ``assistant`` or ``tool``; ``content`` is kept byte for byte."""

    role: str
    content: str
    extra: NotRequired[str | None]
    """What else a chat template may show (tool calls, reasoning), as a JSON object; None or absent: nothing."""


TOOL_CALLS = ("tool_calls", "function_call")
REASONING = ("reasoning_content", "reasoning", "thinking")
"""Names of one thing; templates leave out that of earlier turns."""
EXTRA = (*REASONING, *TOOL_CALLS, "tool_call_id", "name")
"""What ``extra`` may hold: what chat templates show of a message beside role and content."""

Conversation = Sequence[Message]
"""Turns in order. A conversation that is scored ends with the response: its last message."""

Refusals = Callable[[Sequence[Conversation]], Mapping[int, str]]
"""Gives place and reason of each conversation that a model does not take."""


def with_fields(message: Message) -> dict[str, Any]:
    """The message as chat templates and other tools take it: what is in ``extra`` beside role and content."""
    extra = message.get("extra")
    return {"role": message["role"], "content": message["content"], **(json.loads(extra) if extra else {})}


def key_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Equal for equal messages, and hashable; role and content alone where there is nothing else."""
    extra = message.get("extra")
    return (message["role"], message["content"], extra) if extra else (message["role"], message["content"])


def as_text(message: Mapping[str, Any]) -> str:
    """The content, and below it what else the message holds, for places that know no other form."""
    content, extra = message["content"] or "", message.get("extra")
    return f"{content}\n{extra}".lstrip("\n") if extra else content
