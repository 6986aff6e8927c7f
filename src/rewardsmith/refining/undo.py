"""Every row of the input again, from a ledger and the rows that were set aside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa


def undone_lines(ledger: pa.Table, quarantine: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The rows as they were read, one JSON document a line where they were one, in the order of the input.

    ``quarantine``: entries with ``row`` and ``original``. A row that was not JSON is its own text; where that is blank
    or has several lines, it is a JSON string.
    """
    positions = ledger["row"].to_pylist()
    usable = zip(positions, ledger["original"].to_pylist(), strict=True)
    set_aside = ((entry["row"], entry["original"]) for entry in quarantine)
    for _, original in sorted([*usable, *set_aside], key=lambda row: row[0]):
        yield _one_line(original)


def _one_line(text: str) -> str:
    if text.strip() and "\n" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.replace("\n", " ")  # between values only: a string of JSON holds no line break
