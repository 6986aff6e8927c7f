"""What a conversation is, everywhere in the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Message(TypedDict):
    """One turn. ``role`` is ``system``, ``user`` or ``assistant``; ``content`` is kept byte for byte."""

    role: str
    content: str


Conversation = Sequence[Message]
"""Turns in order. A conversation that is scored ends with the response: its last message."""
