"""JSON files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.preferences.files.json_list import read_json


@pytest.fixture
def rows_of(tmp_path: Path):
    def run(content: str | bytes) -> list[tuple[Any, int, str | None]]:
        path = tmp_path / "a.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [(row.record, row.line, row.problem and row.problem.reason) for row in read_json(path)]

    return run


def test_a_list_gives_a_row_for_each_object_with_its_line(rows_of) -> None:
    assert rows_of('\ufeff[\n {"a": 1},\n\n {"a":\n 2} , 3\n]\n') == [
        ({"a": 1}, 2, None),
        ({"a": 2}, 4, None),
        (None, 5, "not_an_object"),
    ]
    assert rows_of("[]") == rows_of(" ") == []


def test_an_object_that_holds_one_list_is_that_list(rows_of) -> None:
    assert [row[0] for row in rows_of('{"data": [{"a": 1}, {"a": 2}]}')] == [{"a": 1}, {"a": 2}]


def test_a_single_object_is_one_row(rows_of) -> None:
    assert rows_of('{"a": [1], "b": 2}') == [({"a": [1], "b": 2}, 1, None)]


def test_lines_of_objects_are_read_as_such(rows_of) -> None:
    assert rows_of('{"a": 1}\n{"a": 2\n{"a": 3}\n') == [
        ({"a": 1}, 1, None),
        (None, 2, "malformed_json"),
        ({"a": 3}, 3, None),
    ]


@pytest.mark.parametrize("end", ["", "{", '{"a": ', '{"a": 2} {"a": 3}]', '{"a": 2}'])
def test_what_stands_before_a_fault_is_kept(rows_of, end: str) -> None:
    rows = rows_of('[{"a": 1},\n' + end)
    assert rows[0] == ({"a": 1}, 1, None)
    assert rows[-1] == (None, 2, "malformed_json")


def test_text_after_the_list_is_reported(rows_of) -> None:
    assert rows_of('[{"a": 1}]\n!') == [({"a": 1}, 1, None), (None, 2, "malformed_json")]


def test_damage_of_the_compression_is_named(rows_of) -> None:
    content = gzip.compress(json.dumps([{"number": i} for i in range(5000)]).encode())
    for cut in (1000, 4):
        rows = rows_of(content[:-cut])
        assert len(rows) > 1000
        assert [row[2] for row in rows if row[2]] == ["truncated_gzip"]
    single = rows_of(gzip.compress(b'{"a": 1}')[:-4])
    assert single == [({"a": 1}, 1, None), (None, 2, "truncated_gzip")]


def test_bytes_that_are_no_text_make_their_row_bad_only(load, tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"chosen": "p a\xff", "rejected": "p b"}, {"chosen": "p a", "rejected": "p b"}]')
    found = load(str(path))
    assert [bad.reason for bad in found.quarantine] == ["bad_utf8"]


def test_all_that_follows_a_fault_is_kept(tmp_path: Path) -> None:
    rest = '{"a": ' + "x" * 5000 + "}, 7]"
    path = tmp_path / "a.json"
    path.write_text(f'[{{"a": 1}}, {rest}')
    assert [row.original for row in read_json(path)] == ['{"a": 1}', rest]
    path.write_text(f"[1] {rest}")
    assert [row.original for row in read_json(path)] == ["1", rest]


def test_rows_with_bytes_that_are_no_text_are_not_called_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": "\xff"}, {"a": "\xc3\xa4"}, {"a": "\\ud800"}]')
    assert [row.exact for row in read_json(path)] == [False, True, True]
