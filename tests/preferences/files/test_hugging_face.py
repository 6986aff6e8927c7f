"""Data sets of the ``datasets`` library."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from rewardsmith.errors import DataError

ROWS = [
    {"prompt": f"p {i}", "chosen": [{"role": "assistant", "content": f"a {i}"}], "rejected": None} for i in range(3)
]
for _row in ROWS:
    _row["rejected"] = [{"role": "assistant", "content": "b"}]


@pytest.fixture(scope="module")
def dataset() -> datasets.Dataset:
    return datasets.Dataset.from_list(ROWS)


def test_a_data_set_in_memory_is_read(load, dataset) -> None:
    assert load(dataset).table.num_rows == 3
    assert load(dataset.select([2, 0])).table["prompt"].to_pylist()[0][0]["content"] == "p 2"


def test_a_saved_data_set_is_read(load, dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(str(tmp_path / "saved"))
    found = load(str(tmp_path / "saved"))
    assert (found.table.num_rows, found.name) == (3, "saved")


def test_a_saved_dictionary_of_splits_needs_one_of_them(load, dataset, tmp_path: Path) -> None:
    splits = datasets.DatasetDict({"train": dataset, "test": dataset.select([0])})
    splits.save_to_disk(str(tmp_path / "saved"))
    assert load(str(tmp_path / "saved")).table.num_rows == 3
    assert load(str(tmp_path / "saved"), dataset_split="test").table.num_rows == 1
    assert load(splits, dataset_split="test").table.num_rows == 1
    with pytest.raises(DataError, match=r"has no split dev; it has train, test\. Choose one with `dataset_split`"):
        load(str(tmp_path / "saved"), dataset_split="dev")


def test_a_damaged_folder_is_an_input_error(load, dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "saved" / "dataset_info.json").unlink()
    with pytest.raises(DataError, match="is not a readable folder of `datasets`"):
        load(str(tmp_path / "saved"))


def test_a_hub_name_without_network_is_explained_in_one_line(load) -> None:
    with pytest.raises(DataError, match="neither a file nor a folder here") as error:
        load("nobody/no-such-set")
    assert "\n" not in str(error.value)
    assert "pass a local file" in str(error.value)
