"""JSON: a list of objects, an object that holds one list of them, or JSON Lines under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rewardsmith.preferences.files.byte_stream import DamagedFileError, read_all, refuse_wide_text
from rewardsmith.preferences.files.json_values import JSON_DECODER
from rewardsmith.preferences.files.jsonl import read_jsonl
from rewardsmith.preferences.files.noted_file import Readable
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, row_of_value, rows_of_records

_SPACE = re.compile(r"[ \t\r\n]*")


def read_json(path: Readable) -> Iterator[RawRow]:
    """The rows of the list, each with the line on which it begins."""
    content, damage = read_all(path)
    refuse_wide_text(path, content)
    text = content.decode("utf-8-sig", "surrogateescape")  # bytes that are no UTF-8 make their own row bad, later
    start = _after_space(text, 0)
    if text[start : start + 1] == "[":
        yield from _rows_of_list(text, start + 1, damage)
        return
    try:
        value, end = JSON_DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        value, end = None, 0
    if end == 0 or damage or _after_space(text, end) < len(text):
        yield from read_jsonl(path)
    else:
        lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else []
        only = lists[0] if len(lists) == 1 and len(value) == 1 else [value]
        yield from rows_of_records(only)


def _rows_of_list(text: str, start: int, damage: DamagedFileError | None) -> Iterator[RawRow]:
    """One row after the other, so that what stands before a fault is kept."""
    position, line, counted = _after_space(text, start), 1, 0
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, end = JSON_DECODER.raw_decode(text, position)
            after = _after_space(text, end)
            if text[after : after + 1] not in (",", "]"):
                raise ValueError(f"no comma after the row that ends at character {end}")
        except (ValueError, RecursionError) as error:
            reason = damage.reason if damage else "malformed_json"
            message = damage.message if damage else f"not valid JSON, and the file cannot be read from here on: {error}"
            yield bad_row(reason, message, text[position:], line, exact=damage is None)
            return
        yield row_of_value(value, text[position:end], line)
        position = _after_space(text, after + 1) if text[after] == "," else after
    rest = text[position + 1 :].strip()
    if damage or rest:
        reason = damage.reason if damage else "malformed_json"
        message = damage.message if damage else "text follows the end of the list"
        yield bad_row(reason, message, rest, line + 1, exact=damage is None)


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
