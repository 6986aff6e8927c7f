"""CSV and TSV with a header line. Every cell is text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.byte_stream import DamagedFileError, read_lines
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, json_text, valid_text

_LONGEST_CELL = 2**31 - 1  # the largest that every platform takes


def read_csv(path: Path) -> Iterator[RawRow]:
    """A row a record, with the line on which it begins. The delimiter is the commonest of , ; tab in the header."""
    taken: list[str] = []
    lines = _noted((line.decode("utf-8", "surrogateescape") + "\n" for line in read_lines(path)), taken)
    line = 0
    try:
        header = next(lines, "").removeprefix("\ufeff")
        delimiter = max(",;\t", key=header.count)
        csv.field_size_limit(_LONGEST_CELL)
        names = next(csv.reader([header], delimiter=delimiter, strict=True), [])
        if len(set(names)) != len(names):
            raise DataError(f"{path}: two columns of the header have the same name: {', '.join(names)}.")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield bad_row("malformed_csv", f"not valid CSV: {error}", "".join(taken).removesuffix("\n"), line)
                continue
            if cells:
                yield _row(names, cells, line)
    except csv.Error as error:
        raise DataError(f"{path}: the header is not valid CSV: {error}.") from error
    except DamagedFileError as damage:
        lost = "".join(taken) + damage.rest.decode("utf-8", "surrogateescape")
        yield bad_row(damage.reason, damage.message, lost, line, exact=False)


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """The lines; each is added to ``taken`` as it goes."""
    for line in lines:
        taken.append(line)
        yield line


def _row(names: list[str], cells: list[str], line: int) -> RawRow:
    if len(cells) != len(names):
        message = f"the record has {len(cells)} cells, the header {len(names)}"
        return bad_row("malformed_csv", message, json_text(cells), line)
    original = json_text(dict(zip(names, cells, strict=True)))
    if any(not cell.isascii() and valid_text(cell) != cell for cell in cells):
        return bad_row("bad_utf8", "a cell is not valid UTF-8", original, line, exact=False)
    return RawRow({name: cell or None for name, cell in zip(names, cells, strict=True)}, original, line)
