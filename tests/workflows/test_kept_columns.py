"""The input's columns in an output that is written part by part."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.workflows.outputs.kept_columns import join_parts, kept_table

Rows = list[dict[str, Any] | None]


def joined(folder: Path, *parts: Rows, last: tuple[str, ...] = ()) -> pa.Table:
    paths = []
    for index, rows in enumerate(parts):
        paths.append(folder / f"{index}.parquet")
        pq.write_table(kept_table(rows, ()), paths[-1])
    join_parts(paths, folder / "all.parquet", {"who": "me"}, last)
    return pq.read_table(folder / "all.parquet")


def test_values_come_back_with_their_types(tmp_path: Path) -> None:
    rows: Rows = [{"n": 1, "t": "ü", "d": datetime(2026, 1, 2), "m": {"a": [1, 2]}}, {"n": None, "extra": True}]
    table = joined(tmp_path, rows)
    assert table.to_pylist() == [
        {"n": 1, "t": "ü", "d": datetime(2026, 1, 2), "m": {"a": [1, 2]}, "extra": None},
        {"n": None, "t": None, "d": None, "m": None, "extra": True},
    ]
    assert table.schema.metadata == {b"who": b"me"}


def test_parts_of_different_types_meet(tmp_path: Path) -> None:
    parts: list[Rows] = [
        [{"n": 1, "mixed": 1, "m": {"a": 1}, "none": None}, None],
        [{"n": 2.5, "mixed": "x", "m": {"b": "y"}, "none": [1]}],
        [{"late": 1}],
    ]
    table = joined(tmp_path, *parts)
    assert table.column("n").to_pylist() == [1.0, None, 2.5, None]
    assert [v and json.loads(v) for v in table.column("mixed").to_pylist()] == [1, None, "x", None]
    assert table.column("m").to_pylist()[2] == {"a": None, "b": "y"}
    assert table.column("none").to_pylist() == [None, None, [1], None]
    assert table.column("late").to_pylist() == [None, None, None, 1]


def test_what_parquet_has_no_type_for_becomes_json(tmp_path: Path) -> None:
    many = {str(i): i for i in range(101)}
    values: dict[str, list[Any]] = {"empty": [{}, {}], "many": [many, many], "huge": [10**30, 1], "mixed": ["a", [1]]}
    rows: Rows = [{name: pair[i] for name, pair in values.items()} for i in range(2)]
    table = joined(tmp_path, rows)
    for name, pair in values.items():
        assert [json.loads(text) for text in table.column(name).to_pylist()] == pair


def test_an_integer_that_no_float_holds_is_not_rounded(tmp_path: Path) -> None:
    table = joined(tmp_path, [{"id": 2**53 + 1}], [{"id": 0.5}])
    assert [json.loads(text) for text in table.column("id").to_pylist()] == [2**53 + 1, 0.5]


def test_half_a_character_spoils_only_itself() -> None:
    assert kept_table([{"t": "a"}, {"t": "\ud800"}], ()).column("t").to_pylist() == ["a", "\\ud800"]


def test_names_that_are_taken_are_kept_under_another() -> None:
    rows: Rows = [{"reward": 1, "original_reward": 2, "x": 3}]
    assert kept_table(rows, ("reward",)).column_names == ["original_reward", "original_original_reward", "x"]


def test_named_columns_come_last(tmp_path: Path) -> None:
    table = joined(tmp_path, [{"a": 1, "reward": 2}], [{"a": 1, "b": 3, "reward": 2}], last=("reward",))
    assert table.column_names == ["a", "b", "reward"]


def test_values_nested_deeply_are_json(tmp_path: Path) -> None:
    deep: Any = "end"
    for _ in range(900):
        deep = [deep]
    table = joined(tmp_path, [{"x": 1, "deep": [[2]]}, {"x": 2, "deep": deep}], [{"x": 3, "deep": None}])
    assert table.column("deep").to_pylist() == ["[[2]]", "[" * 900 + '"end"' + "]" * 900, None]
