"""LLaMA-Factory's two forms with ranking; the Alpaca one is also what axolotl reads.

Alpaca: ``instruction`` and ``input`` (joined by a line feed) with ``chosen`` and ``rejected`` as strings, and
``system`` and ``history`` (earlier turns as ``[question, answer]``) where there are any. ShareGPT: ``conversations`` is
the prompt, ``chosen`` and ``rejected`` are one message each.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.messages import assistant, read_messages, read_response, user

_QUESTION = ("instruction", "input")
_RESPONSES = ("chosen", "rejected")


def _matches(record: Record) -> bool:
    if "prompt" in record:
        return False
    if isinstance(record.get("conversations"), list):
        return all(isinstance(record.get(key), Mapping) for key in _RESPONSES)
    return any(key in record for key in _QUESTION) and all(isinstance(record.get(key), str) for key in _RESPONSES)


def _read(record: Record) -> Pair:
    given = [required(record, key) for key in _RESPONSES]
    prompt = _conversation(record) if record.get("conversations") is not None else [*_history(record), _query(record)]
    chosen, rejected = map(read_response, given, _RESPONSES)
    return Pair(prompt, chosen, rejected)


def _conversation(record: Record) -> list[Message]:
    return read_messages(record["conversations"], "conversations")


def _query(record: Record) -> Message:
    parts = [record[key] for key in _QUESTION if record.get(key)]
    if not parts:
        raise BadRowError("empty_field", '"instruction" and "input" are both empty')
    for key in _QUESTION:
        if record.get(key) and not isinstance(record[key], str):
            raise BadRowError("wrong_type", f'"{key}" is not text')
    return user("\n".join(map(str, parts)))


def _history(record: Record) -> list[Message]:
    history = record.get("history")
    if not history:
        return []
    if not isinstance(history, list) or not all(_is_exchange(turn) for turn in history):
        raise BadRowError("wrong_type", '"history" is not a list of [question, answer]')
    return [turn for question, answer in history for turn in (user(question), assistant(answer))]


def _is_exchange(turn: object) -> bool:
    return isinstance(turn, list) and len(turn) == 2 and all(isinstance(text, str) for text in turn)


LLAMAFACTORY = Format("llamafactory", ("instruction", "input", "conversations", "chosen", "rejected"), _matches, _read)
