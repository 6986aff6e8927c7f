"""The fields of a row as a reader takes them: lists in text decoded, and noted what is read."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from rewardsmith.contracts.conversations import EXTRA
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import ROLES, is_message_list
from rewardsmith.preferences.rows.optional_columns import TEXTS

_OPENS = re.compile(r"""\s*(array\()?\[?\s*\{\s*["']""")
"""How lists of messages in text begin; numpy prints the name of an array before them."""
_TURN = re.compile(rf"""(["'])(role|from)\1\s*:\s*(["'])({"|".join(ROLES)})\3""")
_SAYS = re.compile(r"""(["'])(content|value|tool_calls)\1\s*:""")
LISTS = ("generations", "responses", "completions", "candidates", "outputs", "answers")
SCORES = ("ratings", "scores", "rewards")
RANKS = ("ranks", "rank")
_LISTS = frozenset((*LISTS, *SCORES, *RANKS))
"""Columns of lists: of responses, and of what rates them."""
_SAID = re.compile(
    r"(?<![a-z])(system|developer|prompt|question|query|instructions?|input|context|history|messages?|conversations?|dialog(ue)?|"
    r"turns|tools|functions|reasoning|thinking|responses?|completions?|output|answers?|generated|generations?|persona)"
    r"(?![a-z])"
)
"""A column with one of these words in its name could be part of the conversation."""
_ABOUT = re.compile(r"(?<![a-z])(ids?|models?|source|hash|type|category|lang|length|tokens|num|score|rating)(?![a-z])")
"""One with one of these says something about it."""
_OF_A_PAIR = frozenset(chain.from_iterable(TEXTS.values()))
"""Known columns about a pair, also where responses alone are read."""
_FEW_WORDS = 4
_FIELDS = frozenset(("role", "from", "content", "value", *EXTRA))
"""Those of a message that are read."""


class RowFields:
    """Of one source. ``first_records``: its first rows, which decide what columns hold message lists as text."""

    def __init__(self, first_records: Iterable[Mapping[str, object]]) -> None:
        records = list(first_records)
        self._in_text = _columns_in_text(records)
        self._read: set[str] = set()
        self._unread: Counter[str] = Counter()
        self._num_rows = 0

    def decoded(self, record: Mapping[str, object]) -> Mapping[str, object]:
        """The row, to see what it is; text that cannot be decoded stays text."""
        columns = self._in_text & record.keys()
        try:
            return {**record, **{key: _decoded(key, record[key]) for key in columns}} if columns else record
        except BadRowError:
            return record

    def of(self, record: Mapping[str, object]) -> Mapping[str, Any]:
        """The row, to read it: what is asked for is noted. ``BadRowError`` at text that cannot be decoded."""
        return _Fields(record, self._in_text, self._read)

    def note(self, record: Mapping[str, object]) -> None:
        """Counts what of a row that was read could be part of the conversation, and was not asked for."""
        self._num_rows += 1
        for key, value in record.items():
            if key in self._read or key in _OF_A_PAIR or not _could_be_said(str(key), value):
                continue
            self._unread[key] += not any(_holds(record.get(read), value) for read in self._read)
        self._unread.update({part for key in self._read for part in _parts_not_read(key, record.get(key))})

    def unread(self) -> dict[str, int]:
        """Column -> rows, of what no row was read from."""
        return {
            str(key): count
            for key, count in self._unread.items()
            if count and key not in self._read and (_is_named_so(str(key)) or 2 * count > self._num_rows)
        }


class _Fields(dict[str, Any]):
    def __init__(self, record: Mapping[str, object], in_text: frozenset[str], read: set[str]) -> None:
        super().__init__(record)
        self._in_text, self._noted = in_text, read

    def __getitem__(self, key: str) -> Any:
        return self._taken(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._taken(key, super().get(key, default))

    def _taken(self, key: str, value: Any) -> Any:
        if value is None:
            return None
        self._noted.add(key)
        return _decoded(key, value) if key in self._in_text else value


def _columns_in_text(records: list[Mapping[str, object]]) -> frozenset[str]:
    """Those in which most values look like message lists written as text."""
    filled: Counter[str] = Counter()
    lists: Counter[str] = Counter()
    for record in records:
        for key, value in record.items():
            if value is not None and value != "":
                filled[key] += 1
                lists[key] += _is_list_in_text(key, value)
    return frozenset(key for key, count in lists.items() if count and 2 * count >= filled[key])


def _is_list_in_text(key: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    return _holds_messages(value) or (key in _LISTS and value.strip()[:1] + value.strip()[-1:] == "[]")


def _holds_messages(text: str) -> bool:
    return bool(_OPENS.match(text) and _TURN.search(text) and _SAYS.search(text))


def _decoded(key: str, value: object) -> object:
    """The list that a text is; the value itself where it is none. ``BadRowError`` where it cannot be had."""
    if not isinstance(value, str) or not _is_list_in_text(key, value):
        return value
    for decode in (json.loads, ast.literal_eval):
        try:
            found = decode(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if is_message_list(found) or (key in _LISTS and isinstance(found, list)) else value
    if _holds_messages(value):
        raise BadRowError(
            "wrong_type", f'"{key}" is a list of messages written as text that is neither JSON nor a list of Python'
        )
    return value


def _holds(read: object, value: object) -> bool:
    """Whether a value is one that was read, or what a message of it says."""
    if value == read:
        return True
    turns = read if isinstance(read, list) else ()
    return any(isinstance(turn, Mapping) and turn.get("content", turn.get("value")) == value for turn in turns)


def _parts_not_read(column: str, value: object) -> set[str]:
    """Fields of its messages that could be part of the conversation, and are none that is read."""
    turns = [turn for turn in value if isinstance(turn, Mapping)] if isinstance(value, list) else []
    unknown = [(key, turn) for turn in turns for key in turn.keys() - _FIELDS]
    return {f"{column}[].{key}" for key, turn in unknown if _could_be_said(str(key), turn[key])}


def _could_be_said(name: str, value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and (_is_named_so(name) or value.count(" ") >= _FEW_WORDS)
    return isinstance(value, list | Mapping) and bool(value) and (_is_named_so(name) or is_message_list(value))


def _is_named_so(name: str) -> bool:
    name = name.rpartition("[].")[2].lower()
    return bool(_SAID.search(name)) and not _ABOUT.search(name)


def columns_not_read(columns: Mapping[str, int]) -> str:
    """One sentence on what ``unread`` gives."""
    named = ", ".join(f"{name} ({count:,} rows)" for name, count in columns.items())
    return (
        f"not read, though it could be part of the conversation: {named}. What belongs to it must stand in the prompt "
        "or in the responses."
    )
