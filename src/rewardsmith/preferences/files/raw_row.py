"""A row as it comes out of a file, before anybody asks what it means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rewardsmith.preferences.problems import BadRowError


class RawRow(NamedTuple):
    """One row, or the reason why there is none."""

    record: Mapping[str, object] | None
    """Fields by name; None where the row is bad."""
    original: str
    """The row as read: JSON text, or the raw text of a bad row. Always valid UTF-8."""
    line: int
    """1-based; the row number where the source has no lines."""
    problem: BadRowError | None = None


def rows_of_records(records: Iterable[object]) -> Iterator[RawRow]:
    """Rows of objects that are in memory already."""
    for number, record in enumerate(records, 1):
        yield row_of_value(record, json_text(record), number)


def row_of_value(value: object, original: str, line: int) -> RawRow:
    """The row of a parsed value: bad unless it is an object."""
    if isinstance(value, Mapping):
        return RawRow(value, original, line)
    return bad_row("not_an_object", f"the row is {type(value).__name__}, not an object with fields", original, line)


def bad_row(reason: str, message: str, original: str, line: int) -> RawRow:
    """A row that cannot be read."""
    return RawRow(None, valid_text(original), line, BadRowError(reason, message))


def json_text(value: object) -> str:
    """JSON of a value, its text kept readable. What JSON cannot say is written as its Python text."""
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        text = _encode_fallback(value)
    return valid_text(text)


def valid_text(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, as escapes (which JSON reads back as they were)."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _encode_fallback(value: object) -> str:
    try:
        return _encode(repr(value))
    except (ValueError, RecursionError):
        return '"<a value that cannot be written down>"'


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
