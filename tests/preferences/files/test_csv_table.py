"""CSV and TSV."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.files import byte_stream, csv_table
from rewardsmith.preferences.files.csv_table import read_csv


def test_cells_are_text_and_empty_cells_are_missing(write) -> None:
    rows = list(read_csv(write("a.csv", ["\ufeffprompt,chosen,margin", 'p,"a, ""b""",0.5', "q,007,"])))
    assert [row.record for row in rows] == [
        {"prompt": "p", "chosen": 'a, "b"', "margin": "0.5"},
        {"prompt": "q", "chosen": "007", "margin": None},
    ]
    assert json.loads(rows[1].original) == {"prompt": "q", "chosen": "007", "margin": ""}


def test_records_over_several_lines_keep_their_line_breaks_and_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\r\n"one\r\ntwo\n",x\r\n\r\n3,4\r\n')
    rows = list(read_csv(path))
    assert [(row.record, row.line) for row in rows] == [({"a": "one\r\ntwo\n", "b": "x"}, 2), ({"a": "3", "b": "4"}, 6)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_of_the_header(write, delimiter: str) -> None:
    path = write("a.tsv.gz", [delimiter.join(cells) for cells in (("a", "b"), ("1", "2"))])
    assert [row.record for row in read_csv(path)] == [{"a": "1", "b": "2"}]


def test_json_in_cells_stays_text(write) -> None:
    messages = [{"role": "user", "content": "p"}]
    cell = json.dumps(messages).replace('"', '""')
    rows = list(read_csv(write("a.csv", ["a,b,c", f'"{cell}","{{""x"": 1}}","[{{""x"": 1}}]"'])))
    assert [row.record for row in rows] == [{"a": json.dumps(messages), "b": '{"x": 1}', "c": '[{"x": 1}]'}]


def test_bad_records_do_not_stop_the_others(write) -> None:
    path = write("a.csv", ["a,b", "1", "1,2,3", '"x"y,2', b"\xff,2", "1,2", '"unclosed,2', "9,9"])
    rows = list(read_csv(path))
    assert [(row.line, row.problem and row.problem.reason) for row in rows] == [
        (2, "malformed_csv"),
        (3, "malformed_csv"),
        (4, "malformed_csv"),
        (5, "bad_utf8"),
        (6, None),
        (7, "malformed_csv"),
    ]


def test_a_truncated_file_ends_with_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    content = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919) for i in range(5000))
    path.write_bytes(gzip.compress(content)[:-1000])
    rows = list(read_csv(path))
    assert len(rows) > 1000
    assert [row.problem.reason for row in rows if row.problem] == ["truncated_gzip"]


def test_long_cells_are_read(write) -> None:
    assert len(next(iter(read_csv(write("a.csv", ["a,b", "x" * 300_000 + ",2"])))).record["a"]) == 300_000


def test_two_columns_of_one_name_are_refused(write) -> None:
    with pytest.raises(DataError, match="same name: a, a"):
        list(read_csv(write("a.csv", ["a,a", "1,2"])))


def test_pairs_in_csv_reach_the_table(load, write) -> None:
    found = load(str(write("pairs.csv", ["prompt,chosen,rejected,weight,annotator_id", "p,a,b,0.25,7", "p,a,,1,7"])))
    assert (found.table["weight"].to_pylist(), found.table["annotator_id"].to_pylist()) == ([0.25], ["7"])
    assert found.quarantine_by_reason == {"empty_field": 1}


def test_the_text_of_a_malformed_record_is_kept(write) -> None:
    path = write("a.csv", ["a,b", "1,2", '"x"y,2', '"one', 'two"x,3', "3,4", b'"\xff"y,1', '"unclosed,2', "9,9"])
    rows = list(read_csv(path))
    assert [row.original for row in rows if row.problem] == [
        '"x"y,2',
        '"one\ntwo"x,3',
        '"\\udcff"y,1',
        '"unclosed,2\n9,9',
    ]
    assert [row.exact for row in rows] == [True, True, True, True, False, True]


def test_cells_that_are_no_text_are_not_called_exact(write) -> None:
    (row,) = read_csv(write("a.csv", ["a,b", b"\xff,2"]))
    assert (json.loads(row.original), row.exact) == ({"a": "\udcff", "b": "2"}, False)


def test_the_lines_of_a_record_that_damage_cut_short_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    content = b'a,b\n1,2\n"' + b"".join(b"%d\n" % (i * 7919) for i in range(5000))
    path.write_bytes(gzip.compress(content)[:-1000])
    good, bad = read_csv(path)
    assert good.exact and not bad.exact
    assert bad.original.startswith('"0\n7919\n15838\n') and content.decode().find(bad.original) == 8


def test_a_record_beyond_the_longest_line_is_one_bad_row(write, monkeypatch) -> None:
    for module in (byte_stream, csv_table):
        monkeypatch.setattr(module, "LONGEST_LINE", 3000)
    half = "x" * 1501
    for cells in (f"{half},{half}", f'"{half}\n{half}",b', f"{half}{half},b"):
        first, bad, last = read_csv(write("a.csv", ["a,b", "1,2", cells, "3,4"]))
        assert (first.record, last.record) == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})
        assert bad.problem is not None
        assert (bad.problem.reason, len(bad.original), bad.line) == ("too_long", 1000, 3)
