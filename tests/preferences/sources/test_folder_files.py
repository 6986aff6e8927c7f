"""Files of a folder: those of one split, and what is passed over is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.sources.folder_files import split_of


@pytest.fixture
def folder(tmp_path: Path):
    """Writes a file of one row for each name."""

    def make(*names: str) -> str:
        for name in names:
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"prompt": name, "chosen": "a", "rejected": "b"}))
        return str(tmp_path / "set")

    return make


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001.parquet", "train"),
        ("test_prefs-00000-of-00002.parquet", "test_prefs"),
        ("helpful-base_test.jsonl.gz", "test"),
        ("dev.json", "validation"),
        ("Valid.csv", "validation"),
        ("latest.jsonl", None),
        ("part-00000-of-00002.jsonl", None),
        ("constrained.jsonl", None),
    ],
)
def test_names_tell_splits(name: str, split: str | None) -> None:
    assert split_of(Path(name)) == split


def test_the_split_that_is_asked_for_is_read_and_the_rest_named(load, folder, capsys) -> None:
    path = folder("train-a.jsonl", "train-b.jsonl", "test.jsonl", "notes.bz2", "README.md", ".cache", "more/x.jsonl")
    assert load(path).table.num_rows == 2
    assert "not read: more/, notes.bz2, test.jsonl." in capsys.readouterr().err
    assert load(path, dataset_split="test").table.num_rows == 1
    with pytest.raises(DataError, match="has no split dev; its files are of test, train. Choose one with"):
        load(path, dataset_split="dev")


@pytest.mark.parametrize(
    ("names", "read"),
    [(("a.jsonl", "b.jsonl"), 2), (("test-1.jsonl", "test-2.jsonl"), 2), (("a.jsonl", "b.jsonl", "test.jsonl"), 2)],
)
def test_without_training_files_the_others_are_read(load, folder, names: tuple[str, ...], read: int) -> None:
    assert load(folder(*names)).table.num_rows == read


def test_clones_of_the_hub_have_their_files_in_data(load, folder) -> None:
    assert load(folder("README.md", "data/test-00000-of-00001.jsonl"), dataset_split="test").table.num_rows == 1


def test_what_has_no_splits_has_none_to_choose(load, folder, good_rows) -> None:
    path = folder("a.jsonl")
    for name in (path, f"{path}/a.jsonl", [f"{path}/a.jsonl"], f"{path}/*.jsonl", "embedded/dialogues"):
        with pytest.raises(DataError, match="test"):
            load(name, dataset_split="test")
