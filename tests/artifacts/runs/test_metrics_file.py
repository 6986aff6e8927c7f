"""metrics.json is what its type says, when it is written and when it is read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal, NotRequired

import numpy as np
import pytest
from typing_extensions import TypedDict

from rewardsmith.artifacts.runs.metrics_file import METRICS, check_metrics, read_metrics, write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.contracts.metrics.audit import Category
from rewardsmith.errors import InternalError, OutputError


class Noise(TypedDict):
    low: float
    kind: Literal["wide", "narrow"]


class Row(TypedDict):
    name: str
    share: float | None


class Numbers(TypedDict):
    count: int
    noise: Noise | None
    rows: list[Row]
    note: NotRequired[str]


GOOD: dict[str, Any] = {
    "count": 3,
    "noise": {"low": 0.1, "kind": "wide"},
    "rows": [{"name": "a", "share": None}, {"name": "b", "share": 0.5}],
}

WRONG = [
    ({"count": "3"}, "count: expected a valid integer, found '3'"),
    ({"count": 3.5}, "count: expected a valid integer, found 3.5"),
    ({"count": True}, "count: expected a valid integer, found True"),
    ({"noise": {"low": 0.1}}, "noise.kind is missing"),
    ({"noise": {"low": None, "kind": "wide"}}, "noise.low: expected a valid number, found None"),
    ({"noise": {"low": 1, "kind": "tall"}}, "noise.kind: expected 'wide' or 'narrow', found 'tall'"),
    (
        {"rows": [{"name": "a", "share": 1.0}, {"name": "b", "share": "x" * 90}]},
        r"rows\[1\].share: .* found 'x{36}\.\.\.",
    ),
    ({"rows": None}, "rows: expected a valid list, found None"),
    ({"color": 1}, "color is unknown"),
    ({"noise": {**GOOD["noise"], "high": 1}}, "noise.high is unknown"),
]


def finished(folder: Path, metrics: object) -> Path:
    """The folder of an audit with these metrics, whatever they are."""
    run = RunFolder.open(folder, "audit", {}, {})
    (folder / METRICS).write_text(json.dumps(metrics))
    run.finish()
    return folder


@pytest.mark.parametrize("change", [{}, {"note": "n"}, {"noise": None}, {"noise": {"low": 1, "kind": "narrow"}}])
def test_what_is_as_it_should_be_comes_back_as_it_was(tmp_path: Path, change: dict[str, Any]) -> None:
    run = RunFolder.open(tmp_path, "audit", {}, {})
    write_metrics(tmp_path, {**GOOD, **change}, Numbers)
    run.finish()
    assert read_metrics(tmp_path, Numbers) == {**GOOD, **change}


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_not_is_a_bug_when_written(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InternalError, match=f"metrics.json: {words}.*a bug of rewardsmith"):
        write_metrics(tmp_path, {**GOOD, **change}, Numbers)
    assert not (tmp_path / METRICS).exists()


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_not_was_made_by_another_version_when_read(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = finished(tmp_path, {**GOOD, **change})
    with pytest.raises(OutputError, match=f"metrics.json: {words}.*Another version .*: run `audit` again"):
        read_metrics(folder, Numbers)


def test_the_first_troubles_are_named_and_the_others_counted(tmp_path: Path) -> None:
    rows = [{"name": 0, "share": "?"}] * 3
    with pytest.raises(InternalError, match=r"rows\[0\].name.*rows\[0\].share.*rows\[1\].name: .*; and 3 more"):
        write_metrics(tmp_path, {**GOOD, "rows": rows}, Numbers)


def test_a_file_that_holds_no_object_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"all of it: expected a valid dictionary, found \[1\]"):
        read_metrics(finished(tmp_path, [1]), Numbers)


def test_numbers_of_numpy_are_what_is_written_of_them() -> None:
    class Both(TypedDict):
        share: float
        count: int

    check_metrics({"share": np.float64(0.5), "count": np.int64(1)}, Both, "")
    with pytest.raises(InternalError, match="count"):
        check_metrics({"share": 0.5, "count": np.float64(1.5)}, Both, "")


def test_ten_thousand_categories_are_checked_at_once() -> None:
    class Categories(TypedDict):
        categories: list[Category]

    row = {"name": "n", "count": 1, "accuracy": 0.5, "share_doubtful": 0.1, "strength_mean": 1.0}
    many = {"categories": [dict(row) for _ in range(10_000)]}
    check_metrics({"categories": []}, Categories, "")
    start = time.process_time()
    check_metrics(many, Categories, "")
    assert time.process_time() - start < 0.25  # 0.02 s where nothing else runs


def test_the_types_load_nothing_heavy() -> None:
    script = """
import sys
from rewardsmith.contracts.metrics import audit, evaluate, export, refine, score, study_noise, train
print(*sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "pyarrow", "pydantic", "torch"}
    assert heavy & {name.split(".")[0] for name in run.stdout.split()} == set()
