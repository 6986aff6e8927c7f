"""A row as it comes out of a file, before anybody asks what it means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from rewardsmith.preferences.files.byte_stream import LONGEST_LINE
from rewardsmith.preferences.problems import BadRowError

_KEPT_OF_TOO_LONG = 1000


class RawRow(NamedTuple):
    """One row, or the reason why there is none."""

    record: Mapping[str, object] | None
    """Fields by name; None where the row is bad."""
    original: str
    """The row as read: JSON text, or the raw text of a bad row. Always valid UTF-8."""
    line: int
    """1-based; the row number where the source has no lines."""
    problem: BadRowError | None = None
    exact: bool = True
    """``original`` is the row, value for value; False where it has values that neither JSON nor text can hold."""


def rows_of_records(records: Iterable[object]) -> Iterator[RawRow]:
    """Rows of objects that are in memory already."""
    for number, record in enumerate(records, 1):
        plain = _plain(record)
        original, exact = json_form(plain)
        yield row_of_value(plain, original, number)._replace(exact=exact)


def row_of_value(value: object, original: str, line: int) -> RawRow:
    """The row of a parsed value: bad unless it is an object."""
    if isinstance(value, Mapping):
        text = valid_text(original)
        return RawRow(value, text, line, exact=text == original)
    return bad_row("not_an_object", f"the row is {type(value).__name__}, not an object with fields", original, line)


def bad_row(reason: str, message: str, original: str, line: int, exact: bool = True) -> RawRow:
    text = valid_text(original)
    return RawRow(None, text, line, BadRowError(reason, message), exact and text == original)


def too_long(text: str, line: int) -> RawRow:
    """The row of a line that is longer than a row may be: its beginning is kept."""
    message = f"the line is longer than {LONGEST_LINE >> 20} MiB"
    return bad_row("too_long", message, text[:_KEPT_OF_TOO_LONG], line, exact=False)


def json_text(value: object) -> str:
    """JSON of a value, its text kept readable. What JSON cannot say is written as its Python text."""
    return json_form(value)[0]


def json_form(value: object) -> tuple[str, bool]:
    """The same, and whether JSON could say all of it: every value can be had back from it."""
    for encode, exact in ((_encode, True), (_encode_as_text, False)):
        try:
            return valid_text(encode(value)), exact
        except (TypeError, ValueError, RecursionError):
            continue
    return _encode_fallback(value), False


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
        return valid_text(_encode(repr(value)))
    except (ValueError, RecursionError):
        return '"<a value that cannot be written down>"'


def _plain(value: Any) -> Any:
    """The value with lists in the place of tuples and of numpy's arrays, which pandas makes of lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _number(value: Any) -> Any:
    """The Python value of a number of numpy's."""
    if isinstance(value, np.integer | np.floating | np.bool_) and not isinstance(value, np.timedelta64 | np.longdouble):
        return value.item()
    raise TypeError(f"JSON has no word for a {type(value).__name__}")


def _number_or_text(value: Any) -> Any:
    try:
        return _number(value)
    except TypeError:
        return str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_number).encode
_encode_as_text = json.JSONEncoder(ensure_ascii=False, default=_number_or_text).encode
