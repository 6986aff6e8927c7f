"""Anthropic's HH-RLHF form: two whole transcripts, whose turns begin with "Human:" and "Assistant:"."""

from __future__ import annotations

import re
from typing import cast

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.two_responses import split_conversations

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def split_transcript(transcript: str) -> list[Message]:
    """The turns. One space after the colon belongs to the marker; every other character is kept.

    Text before the first marker becomes a system message.
    """
    parts = _TURN.split(transcript)
    before = [{"role": "system", "content": parts[0]}] if parts[0].strip() else []
    turns = [
        {"role": _ROLES[name], "content": text.removeprefix(" ")}
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    ]
    return cast("list[Message]", before + turns)


def _matches(record: Record) -> bool:
    fields = [record.get(key) for key in ("chosen", "rejected")]
    if not all(isinstance(field, str) for field in fields):
        return False
    prompt = record.get("prompt")
    if isinstance(prompt, str) and prompt.rstrip().endswith("\n\nAssistant:"):
        return True
    texts = [text for text in cast("list[str]", fields) if "Assistant:" in text and "Human" in _TURN.findall(text)]
    return any(not isinstance(prompt, str) or prompt.strip() in text for text in texts)


def _read(record: Record) -> Pair:
    return split_conversations(_conversation(record, "chosen"), _conversation(record, "rejected"))


def _conversation(record: Record, key: str) -> list[Message]:
    """The turns of one side; some copies of the set keep the shared beginning apart, in ``prompt``."""
    text, prompt = required(record, key), record.get("prompt")
    if not isinstance(text, str):
        raise BadRowError("wrong_type", f'"{key}" is not text')
    if isinstance(prompt, str) and prompt.rstrip().endswith("\n\nAssistant:") and not text.startswith(prompt):
        text = prompt.rstrip() + (text if text.startswith(" ") else " " + text)
    turns = split_transcript(text)
    if not text.strip():
        raise BadRowError("empty_field", f'"{key}" is empty')
    if not any(turn["role"] == "user" for turn in turns):
        raise BadRowError("missing_field", f'"{key}" has no "Human:" turn, so there is no prompt')
    return turns


HH = Format("hh", ("chosen", "rejected"), _matches, _read)
