"""CSV and TSV with a header line. Every cell is text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.byte_stream import LONGEST_LINE, DamagedFileError, read_lines
from rewardsmith.preferences.files.noted_file import Readable
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, json_text, too_long, valid_text
from rewardsmith.preferences.problems import BadRowError


def read_csv(path: Readable) -> Iterator[RawRow]:
    """A row a record, with the line on which it begins. The delimiter is the commonest of , ; tab in the header."""
    taken: list[bytes] = []
    lines = _noted(read_lines(path), taken)
    line = 0
    try:
        header = next(lines, "").removeprefix("\ufeff")
        delimiter = max(",;\t", key=header.count)
        csv.field_size_limit(LONGEST_LINE)
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
                if _is_too_long(taken):
                    yield too_long(_text(taken), line)
                else:
                    yield bad_row("malformed_csv", f"not valid CSV: {error}", _text(taken), line)
                continue
            if _is_too_long(taken):
                yield too_long(_text(taken), line)
            elif cells:
                yield _row(names, cells, line)
    except csv.Error as error:
        raise DataError(f"{path}: the header is not valid CSV: {error}.") from error
    except DamagedFileError as damage:
        taken.append(damage.rest)
        lost = too_long(_text(taken), line) if _is_too_long(taken) else bad_row("", "", _text(taken), line)
        yield lost._replace(problem=BadRowError(damage.reason, damage.message), exact=False)


def _noted(lines: Iterable[bytes], taken: list[bytes]) -> Iterator[str]:
    """The lines as text; each is added to ``taken`` as it goes."""
    for line in lines:
        taken.append(line)
        yield _text([line]) + "\n"


def _text(lines: Iterable[bytes]) -> str:
    return b"\n".join(lines).decode("utf-8", "surrogateescape")


def _is_too_long(lines: Iterable[bytes]) -> bool:
    """Whether a record has a line, or is altogether, longer than a line may be."""
    return sum(map(len, lines)) > LONGEST_LINE


def _row(names: list[str], cells: list[str], line: int) -> RawRow:
    if len(cells) != len(names):
        message = f"the record has {len(cells)} cells, the header {len(names)}"
        return bad_row("malformed_csv", message, json_text(cells), line)
    original = json_text(dict(zip(names, cells, strict=True)))
    if any(not cell.isascii() and valid_text(cell) != cell for cell in cells):
        return bad_row("bad_utf8", "a cell is not valid UTF-8", original, line, exact=False)
    return RawRow({name: cell or None for name, cell in zip(names, cells, strict=True)}, original, line)
