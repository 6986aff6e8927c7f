"""What a user can name or pass as a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import DataError, OutputError
from rewardsmith.preferences.sources.set_names import ENDINGS
from rewardsmith.preferences.sources.source import READERS


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson", "a.json", "A.JSONL", "a", "a.txt", "a.gz"])
def test_files_of_lines_are_read_whatever_their_name(load, write, good_rows, name: str) -> None:
    found = load(str(write(name, good_rows)))
    assert found.table.num_rows == 4
    assert found.name in ("a", "A", "a.txt")


def test_other_files_are_told_by_their_content(load, tmp_path: Path, good_rows) -> None:
    pq.write_table(pa.Table.from_pylist(good_rows), tmp_path / "table")
    assert load(tmp_path / "table").table.num_rows == 4
    (tmp_path / "text").write_text("Dear reader,")
    with pytest.raises(DataError, match=r"text is not JSON Lines, JSON, CSV or Parquet\."):
        load(tmp_path / "text")
    (tmp_path / "nothing").write_text(" \n")
    with pytest.raises(DataError, match=r"nothing is empty\."):
        load(tmp_path / "nothing")


def test_a_folder_is_its_files_in_order(load, write, tmp_path: Path, good_rows) -> None:
    write("b.jsonl.gz", good_rows[:1])
    write("a.jsonl", good_rows[1:])
    write("README.md", ["no rows"])
    found = load(str(tmp_path))
    assert found.table["source"].to_pylist() == ["a", "a", "a", "b"]
    assert found.name == tmp_path.name


def test_a_pattern_is_the_files_it_fits(load, write, tmp_path: Path, good_rows, monkeypatch) -> None:
    write("x1.jsonl", good_rows[:1])
    write("x2.jsonl", good_rows[1:2])
    write("y.jsonl", good_rows[2:])
    assert load(str(tmp_path / "x*.jsonl")).table.num_rows == 2
    monkeypatch.chdir(tmp_path)
    assert load("x*.jsonl").table.num_rows == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "No data set"),
        ("gone.jsonl", r"gone\.jsonl does not exist"),
        ("./gone", "does not exist"),
        ("a/b/c", "does not exist"),
        ("none*.jsonl", "holds no preference file"),
        ([], "is empty"),
        ({"chosen": "a"}, "cannot be a dict"),
        (5, "cannot be a int"),
        (["gone.jsonl"], "is not a file"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(load, name: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(name)
    assert "\n" not in str(error.value)


def test_an_empty_folder_is_said_to_hold_no_preferences(load, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no preference file"):
        load(str(tmp_path))


def test_tables_and_rows_in_memory_give_the_same_pairs(load, good_rows) -> None:
    names = [
        load(dataset).table["pair_id"].to_pylist()
        for dataset in (
            good_rows,
            tuple(good_rows),
            iter(good_rows),
            pd.DataFrame(good_rows),
            pa.Table.from_pylist(good_rows),
        )
    ]
    assert all(other == names[0] for other in names)


def test_missing_values_of_a_frame_are_empty_cells(load, good_rows) -> None:
    frame = pd.DataFrame([{**good_rows[0], "margin": 1.0}, good_rows[1]])
    assert load(frame).table["margin"].to_pylist() == [1.0, 0.0]


def test_a_frame_of_mixed_types_is_read_row_by_row(load, good_rows) -> None:
    frame = pd.DataFrame(
        [{**good_rows[0], "margin": 2}, *good_rows[1:], {"prompt": 5, "chosen": [""], "rejected": "b"}]
    )
    found = load(frame)
    assert found.table["margin"].to_pylist() == [2.0, 0.0, 0.0, 0.0], "a missing value is no NaN"
    assert (found.table.num_rows, [bad.reason for bad in found.quarantine]) == (4, ["wrong_type"])


def test_an_export_that_was_interrupted_is_no_set(load, write, tmp_path: Path, good_rows) -> None:
    run = RunFolder.open(tmp_path, "export", {}, {})
    write("prefs.json", good_rows)
    with pytest.raises(OutputError, match="interrupted"):
        load(str(tmp_path))
    run.finish()
    assert load(str(tmp_path)).table.num_rows == 4


def test_the_endings_that_are_known_before_anything_is_loaded_are_those_that_are_read() -> None:
    assert tuple(READERS) == ENDINGS
