"""JSON Lines: one object a line. Blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator

from rewardsmith.preferences.files.byte_stream import DamagedFileError, is_too_long, read_lines
from rewardsmith.preferences.files.json_values import parse_json
from rewardsmith.preferences.files.noted_file import Readable
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, row_of_value, too_long
from rewardsmith.preferences.problems import BadRowError

_BOM = b"\xef\xbb\xbf"


def read_jsonl(path: Readable) -> Iterator[RawRow]:
    """A row a line; a damaged compressed file ends with one bad row."""
    number = 0
    try:
        for number, line in enumerate(read_lines(path), 1):
            if number == 1:
                line = line.removeprefix(_BOM)
            if line and not line.isspace():
                yield _row(line, number)
    except DamagedFileError as damage:
        last = _row(damage.rest, number + 1)  # whole where only the line feed, or the checksum, is missing
        if last.problem is None:
            yield last
            last = RawRow(None, "", number + 2)
        yield last._replace(problem=BadRowError(damage.reason, damage.message), exact=False)


def _row(line: bytes, number: int) -> RawRow:
    if is_too_long(line):
        return too_long(line.decode("utf-8", "backslashreplace"), number)
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} of the line is not valid UTF-8"
        return bad_row("bad_utf8", message, line.decode("utf-8", "backslashreplace"), number, exact=False)
    try:
        value = parse_json(text)
    except RecursionError:
        return bad_row("malformed_json", "the JSON is nested too deeply", text, number)
    except ValueError as error:
        return bad_row("malformed_json", f"not valid JSON: {error}", text, number)
    return row_of_value(value, text, number)
