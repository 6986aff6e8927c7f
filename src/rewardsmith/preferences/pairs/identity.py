"""Names of prompts and pairs that depend on their text alone: no flip, edit or reordering changes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from rewardsmith.contracts.conversations import Message, key_of

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def prompt_id(prompt: Sequence[Message]) -> str:
    """Hex sha256 of the prompt: of the text where it is one user turn (as distilabel does), else of its JSON.

    The JSON is a list of ``[role, content]``, with what else a message holds as a third text, without spaces, in UTF-8.
    """
    if len(prompt) == 1 and prompt[0]["role"] == "user" and not prompt[0].get("extra"):
        return sha256(prompt[0]["content"].encode()).hexdigest()
    return sha256(_encode(_turns(prompt)).encode()).hexdigest()


def pair_id(prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]) -> str:
    """Hex sha256 of the pair as read: the JSON of ``[prompt, chosen, rejected]``, each a list as for ``prompt_id``.

    Swapping the responses gives another name. Exact duplicates share it; the loader adds ``-2``, ``-3``, ... to the
    second and later ones.
    """
    return sha256(_encode([_turns(prompt), _turns(chosen), _turns(rejected)]).encode()).hexdigest()


def group_id(prompt: Sequence[Message]) -> str:
    """Hex sha256 of the first user turn (equal to ``prompt_id`` where that is all there is); "" without a prompt."""
    return sha256(first_user_turn(prompt).encode()).hexdigest() if prompt else ""


def first_user_turn(prompt: Sequence[Message]) -> str:
    """The text by which prompts are kept together: the first user turn, else the first turn, else nothing."""
    for message in prompt:
        if message["role"] == "user":
            return message["content"]
    return prompt[0]["content"] if prompt else ""


def _turns(messages: Sequence[Message]) -> list[list[str]]:
    return [list(key_of(message)) for message in messages]
