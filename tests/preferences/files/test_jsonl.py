"""JSON Lines."""

from __future__ import annotations

import gzip
import json

from rewardsmith.preferences.files.jsonl import read_jsonl


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
    long = "1" * 5000
    lines = ['{"a": 1', b'{"a": "\xc3\x28"}', "[1]", "null", deep, long, '{"a": 1} {"b": 2}', '{"a": 1}']
    rows = list(read_jsonl(write("a.jsonl", lines)))
    assert [row.problem and row.problem.reason for row in rows] == [
        "malformed_json",
        "bad_utf8",
        "not_an_object",
        "not_an_object",
        "malformed_json",
        "malformed_json",
        "malformed_json",
        None,
    ]
    assert rows[1].original == '{"a": "\\xc3("}'
    assert [row.exact for row in rows] == [True, False, *[True] * 6]
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
