"""Conversations as text, for models that have no chat template of their own."""

from __future__ import annotations

from typing import Any

from rewardsmith.contracts.conversations import Conversation, as_text, with_fields

ROLE_NAMES = {"system": "System", "user": "User", "assistant": "Assistant"}
SEPARATOR = "\n\n"


def role_label(role: str) -> str:
    """``User: `` for ``user``; a role without a fixed name is capitalised."""
    return f"{ROLE_NAMES.get(role, role.capitalize())}: "


def labelled_transcript(messages: Conversation) -> str:
    """Every turn as ``Role: content``, separated by an empty line."""
    return SEPARATOR.join(role_label(message["role"]) + as_text(message) for message in messages)


def encoder_prompt(messages: Conversation) -> str:
    """First segment for a model of the BERT family: one turn as it is, several turns as a labelled transcript."""
    if len(messages) == 1:
        return as_text(messages[0])
    return labelled_transcript(messages)


def plain_prompt(messages: Conversation, response_role: str) -> str:
    """What precedes the response for a base decoder: the labelled turns and the response's own label."""
    label = role_label(response_role)
    return labelled_transcript(messages) + SEPARATOR + label if messages else label


def acceptable_to_strict_templates(conversation: Conversation) -> list[dict[str, Any]]:
    """The same words in strictly alternating turns without a system turn, as some chat templates demand.

    A system message joins the first user turn; neighbouring turns of one role become one; both with an empty line
    between them. The response stays alone unless it follows another assistant turn.
    """
    turns: list[dict[str, Any]] = []
    for message in conversation:
        role = "user" if message["role"] == "system" else message["role"]
        if turns and turns[-1]["role"] == role and not message.get("extra"):
            turns[-1]["content"] += SEPARATOR + message["content"]
        else:
            turns.append({**with_fields(message), "role": role})
    if turns and turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": ""})
    return turns
