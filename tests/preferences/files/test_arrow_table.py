"""Arrow tables and Parquet files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.files import arrow_table
from rewardsmith.preferences.files.arrow_table import read_parquet, rows_of_table


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_rows_are_numbered_from_one(tmp_path: Path, monkeypatch, packed: bool) -> None:
    monkeypatch.setattr(arrow_table, "BATCH_ROWS", 2)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": ["x", None, "z"], "m": [[{"role": "user"}], [], None]}), path)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    rows = list(read_parquet(path))
    assert [row.line for row in rows] == [1, 2, 3]
    assert [row.record["a"] for row in rows if row.record] == ["x", None, "z"]
    assert rows[0].record == {"a": "x", "m": [{"role": "user"}]}


def test_text_that_is_no_utf8_makes_its_row_bad_only() -> None:
    values = pa.array([b"ok", b"\xff", b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, values.buffers())
    rows = list(rows_of_table(pa.table({"a": text})))
    assert [row.problem and row.problem.reason for row in rows] == [None, "bad_utf8", None]
    assert [row.line for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("content", [b"PAR1 and then nothing", b"no parquet at all", b""])
def test_what_is_no_parquet_is_an_input_error_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a readable Parquet file") as error:
        list(read_parquet(path))
    assert "\n" not in str(error.value)


def test_a_truncated_packed_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet.gz"
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "plain")
    path.write_bytes(gzip.compress((tmp_path / "plain").read_bytes())[:-9])
    with pytest.raises(DataError, match="cannot be read in part"):
        list(read_parquet(path))


def test_dates_decimals_and_bytes_are_written_down(load) -> None:
    table = pa.table({"chosen": ["p a"], "rejected": ["p b"], "d": [18_000], "raw": [b"\xff"], "margin": ["1.5"]})
    table = table.set_column(2, "d", table["d"].cast(pa.int32()).cast(pa.date32()))
    found = load(table.set_column(4, "margin", table["margin"].cast(pa.decimal128(4, 2))))
    assert found.table["margin"].to_pylist() == [1.5]
    assert "2019-04-14" in found.table["original"][0].as_py()


@pytest.mark.parametrize("nested", [False, True])
def test_a_row_that_is_no_utf8_keeps_its_other_values(nested: bool) -> None:
    raw = pa.array([b"ok", b"\xff!"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    column = pa.ListArray.from_arrays([0, 1, 2], pa.StructArray.from_arrays([text], ["content"])) if nested else text
    good, bad = rows_of_table(pa.table({"a": column, "n": [1, 2]}))
    assert json.loads(bad.original) == {"a": [{"content": "\udcff!"}] if nested else "\udcff!", "n": 2}
    assert (good.exact, bad.exact) == (True, False)


def test_rows_know_whether_json_says_all_of_them() -> None:
    day = pa.array([18_000], pa.int32()).cast(pa.date32())
    assert [row.exact for row in rows_of_table(pa.table({"a": ["x"], "n": [1.5]}))] == [True]
    assert [row.exact for row in rows_of_table(pa.table({"a": ["x"], "d": day}))] == [False]


def test_a_date_that_python_has_not_is_kept_as_text() -> None:
    far = pa.array([0, 10**15], pa.timestamp("ms"))
    near, other = rows_of_table(pa.table({"a": ["x", "y"], "when": far}))
    assert (near.record or {})["when"].year == 1970
    assert (other.record or {})["a"] == "y" and isinstance((other.record or {})["when"], str)
    assert (other.problem, other.exact) == (None, False)
