"""JSON Lines."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.byte_stream import ENDLESS_LINE, LONGEST_LINE
from rewardsmith.preferences.files.jsonl import read_jsonl
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.sources.source import find_sources

ZEROS = b"0" * (1 << 24)


def test_rows_have_their_line_and_their_text(write) -> None:
    rows = list(read_jsonl(write("a.jsonl", ['{"a":  1.50}', "", "   ", '{"a": 2}\r'])))
    assert [(row.record, row.original, row.line) for row in rows] == [
        ({"a": 1.5}, '{"a":  1.50}', 1),
        ({"a": 2}, '{"a": 2}', 4),
    ]


def test_a_byte_order_mark_belongs_to_no_row(write) -> None:
    assert [row.record for row in read_jsonl(write("a.jsonl", [b'\xef\xbb\xbf{"a": 1}']))] == [{"a": 1}]


def test_bad_lines_do_not_stop_the_others(write) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    lines = ['{"a": 1', b'{"a": "\xc3\x28"}', "[1]", "null", deep, '{"a": 1} {"b": 2}', '{"a": 1}']
    rows = list(read_jsonl(write("a.jsonl", lines)))
    assert [row.problem and row.problem.reason for row in rows] == [
        "malformed_json",
        "bad_utf8",
        "not_an_object",
        "not_an_object",
        "malformed_json",
        "malformed_json",
        None,
    ]
    assert rows[1].original == '{"a": "\\xc3("}'
    assert [row.exact for row in rows] == [True, False, *[True] * 5]
    assert "byte 8" in str(rows[1].problem)


def test_a_truncated_file_ends_with_one_bad_row(tmp_path) -> None:
    path = tmp_path / "a.jsonl.gz"
    content = b"".join(json.dumps({"number": i}).encode() + b"\n" for i in range(5000))
    path.write_bytes(gzip.compress(content)[:-1000])
    *good, last = read_jsonl(path)
    assert [row.record for row in good] == [{"number": i} for i in range(len(good))]
    assert len(good) > 1000
    assert last.problem is not None
    assert (last.problem.reason, last.line, last.exact) == ("truncated_gzip", len(good) + 1, False)


def test_a_number_of_thousands_of_digits_is_a_value_like_any_other(write) -> None:
    [row] = read_jsonl(write("a.jsonl", ['{"a": -' + "1" * 5000 + ', "b": "text"}']))
    assert row.record == {"a": Decimal("-" + "1" * 5000), "b": "text"}
    assert row.exact


def test_a_line_beyond_the_longest_is_one_bad_row(write) -> None:
    long = b'{"a": "' + b"x" * LONGEST_LINE + b'"}'
    first, bad, last = read_jsonl(write("a.jsonl", ['{"a": 1}', long, '{"a": 2}']))
    assert (first.record, last.record, last.line) == ({"a": 1}, {"a": 2}, 3)
    assert bad.problem is not None
    assert (bad.problem.reason, bad.problem.message) == ("too_long", "the line is longer than 64 MiB")
    assert (bad.original, bad.line, bad.exact) == ('{"a": "' + "x" * 993, 2, False)


def test_a_line_without_an_end_ends_the_file(tmp_path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"a": 1}\n')
        for _ in range(ENDLESS_LINE // len(ZEROS) + 2):
            file.write(ZEROS)
        file.write(b'\n{"a": 2}\n')
    good, bad = read_jsonl(path)
    assert good.record == {"a": 1}
    assert bad.problem is not None
    assert (bad.problem.reason, bad.line, len(bad.original)) == ("endless_line", 2, 1000)


def test_text_of_two_bytes_a_letter_is_named(tmp_path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        for name in ("a.jsonl", "a.json", "a.csv", "a.txt"):
            path = tmp_path / name
            path.write_bytes('{"a": 1}\n'.encode(encoding))
            with pytest.raises(DataError, match=r"a\.\w+ is UTF-16 .*iconv"):
                list(find_sources(path, DataOptions())[1][0].rows())
