"""A refined folder as a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from any_pairs import ledger_of, write_refined
from rewardsmith.artifacts.files.atomic import write_table
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.tables import PAIRS
from rewardsmith.errors import ConfigError, DataError, OutputError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.preferences.unlabelled.streaming import stream_rows

PROMPT = [{"role": "user", "content": "p"}]


def ledger() -> Any:
    same = {"prompt": PROMPT, "responses": ("a", "b"), "original": '{"kept": 1}'}
    return ledger_of(
        [
            {**same, "target": 0.0, "swapped": True, "rules": ["flip"], "split_group": "audit's", "row": 3},
            {**same, "weight": 0.0, "rules": ["drop"], "row": 7, "pair_id": "same-2"},
            {**same, "margin": -0.5, "row": 8},
        ]
    )


def refined(folder: Path, verb: str = "refine", finished: bool = True) -> Path:
    return write_refined(folder, ledger(), verb, finished)


def test_the_pairs_are_those_of_the_ledger_as_they_stand_there(load, tmp_path: Path) -> None:
    found = load(refined(tmp_path / "refine-x"))
    assert found.table.equals(ledger().select(PAIRS.names))
    assert (found.format, found.name, found.num_rows_read) == ("refined", "refine-x", 3)
    path = tmp_path / "refine-x" / "ledger.parquet"
    assert found.sources == {str(path): fingerprint_file(path)}


def test_a_sample_is_drawn_from_it(load, tmp_path: Path) -> None:
    found = load(str(refined(tmp_path / "x")), max_pairs=2)
    assert (found.table.num_rows, found.num_rows_read, found.num_rows_available) == (2, 2, 3)


def test_its_rows_can_be_scored(tmp_path: Path) -> None:
    stream = stream_rows(str(refined(tmp_path / "x")), RowOptions())
    rows = list(stream.rows)
    assert (stream.name, stream.kind, len(rows)) == ("x", "pair", 3)
    assert [turn["content"] for turn in rows[0].conversations[0]] == ["p", "a"]


def test_a_ledger_that_has_changed_is_refused(load, tmp_path: Path) -> None:
    folder = refined(tmp_path / "x")
    write_table(folder / "ledger.parquet", pq.read_table(folder / "ledger.parquet").slice(1))
    with pytest.raises(OutputError, match=r"ledger\.parquet has changed since .*Run `refine` again"):
        load(str(folder))
    with pytest.raises(OutputError, match="has changed"):
        stream_rows(str(folder), RowOptions())


def test_an_unfinished_or_incomplete_folder_is_refused(load, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="was interrupted"):
        load(str(refined(tmp_path / "x", finished=False)))
    folder = refined(tmp_path / "y")
    (folder / "ledger.parquet").unlink()
    with pytest.raises(DataError, match=r"ledger\.parquet is missing"):
        load(str(folder))


@pytest.mark.parametrize("option", ["group_by", "prompt_key", "chosen_key", "rejected_key"])
def test_options_that_would_read_it_otherwise_are_refused(load, tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=f"`{option}` z: a refined folder keeps"):
        load(str(refined(tmp_path / "x")), **{option: "z"})


def test_options_that_change_nothing_about_it_are_told(tmp_path: Path, capsys) -> None:
    set_quiet(False)
    folder = refined(tmp_path / "x")
    load_preferences(folder, DataOptions(format="hh", near_duplicates="off", on_bad_row="error"))
    words = "`format` hh, `on_bad_row` error, `near_duplicates` off changes nothing about it"
    assert words in capsys.readouterr().err
    load_preferences(folder, DataOptions(max_pairs=2))
    assert capsys.readouterr().err == ""


def test_folders_of_other_verbs_are_no_preference_sets(load, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds what `rewardsmith audit` wrote"):
        load(str(refined(tmp_path / "x", verb="audit")))


def test_a_manifest_of_somebody_else_changes_nothing(load, write, tmp_path: Path, good_rows) -> None:
    write("rows.jsonl", good_rows)
    (tmp_path / "manifest.json").write_text('{"tool": "other", "verb": "refine"}')
    assert load(str(tmp_path)).table.num_rows == 4
