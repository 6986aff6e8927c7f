"""Files appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.files.atomic import atomic_path, write_csv, write_json, write_jsonl, write_table, write_text
from rewardsmith.errors import OutputError, RunError


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("x")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
    assert target.read_text() == "x"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_csv_file_gives_every_text_back(tmp_path: Path) -> None:
    rows = [["1", 'a, "b"\nc'], ["2", "größe\r\n"], ["", "'=x"]]
    write_csv(tmp_path / "a.csv", ["row", "text"], rows)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["row", "text"], *rows]
    assert (tmp_path / "a.csv").read_bytes().startswith(b"row,text\n1,")


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced on Windows")
def test_who_is_reading_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with target.open() as reader:
        write_text(target, "new")
        assert reader.read() == "old"
    assert target.read_text() == "new"


def test_a_full_disk_is_a_failed_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no space left"), atomic_path(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_read_only_place_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="may not be written"), atomic_path(tmp_path / "a.txt") as temporary:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))


def test_a_file_in_place_of_a_folder_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made there"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_trouble_with_another_file_is_passed_on_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "Permission denied", "/some/input.jsonl")


def test_json_is_sorted_ends_in_a_newline_and_takes_numpy_numbers(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": np.float32(0.5), "a": np.int64(3), "c": "ü🙂"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text).items()) == [("a", 3), ("b", 0.5), ("c", "ü🙂")]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_numbers_without_a_json_form_are_refused_by_place(tmp_path: Path, bad: float) -> None:
    with pytest.raises(RunError, match=r"m\.json.*accuracy\[1\]\.value"):
        write_json(tmp_path / "m.json", {"accuracy": [{"value": 1.0}, {"value": bad}]})
    assert list(tmp_path.iterdir()) == []


def test_jsonl_keeps_the_order_of_rows_and_keys(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ({"b": i, "a": "line\nbreak"} for i in range(2)))
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line).items()) for line in lines] == [[("b", i), ("a", "line\nbreak")] for i in range(2)]


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    table = pa.table({"row": [0, 1], "text": ["a", None]})
    write_table(tmp_path / "t.parquet", table)
    assert pq.read_table(tmp_path / "t.parquet").equals(table)
