"""Data sets of the ``datasets`` library: on the Hub, saved to a folder, or in memory. The one file that wraps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from datasets.exceptions import DatasetsError

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.arrow_table import rows_of_batches
from rewardsmith.preferences.files.raw_row import RawRow

_BATCH = 10_000


def load_hub_dataset(name: str, config: str | None, split: str) -> datasets.Dataset:
    """The split of a Hub data set, from the cache where the library has it. ``DataError`` in one line otherwise."""
    quiet = datasets.utils.logging.get_verbosity()
    datasets.utils.logging.set_verbosity_error()
    try:
        return datasets.load_dataset(name, config, split=split)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        raise DataError(
            f"{name} is neither a file nor a folder here, and the Hub gave no data set of this name "
            f"(split {split}): {_one_line(error)}. Check the name and the network, or pass a local file."
        ) from error
    finally:
        datasets.utils.logging.set_verbosity(quiet)


def load_saved_dataset(path: Path, split: str) -> datasets.Dataset:
    """A folder that ``save_to_disk`` wrote; the split where it holds several."""
    try:
        loaded = datasets.load_from_disk(str(path))
    except (OSError, ValueError, KeyError, DatasetsError) as error:
        raise DataError(f"{path} is not a readable folder of `datasets`: {_one_line(error)}.") from error
    return one_split(loaded, split, str(path))


def one_split(loaded: Any, split: str, name: str) -> datasets.Dataset:
    """The data set itself, or its split where it is a dictionary of them."""
    if not isinstance(loaded, dict):
        return loaded
    if split not in loaded:
        raise DataError(f"{name} has no split {split}; it has {', '.join(loaded)}. Choose one with `dataset_split`.")
    return loaded[split]


def rows_of_dataset(dataset: Any) -> Iterator[RawRow]:
    """Rows of a data set in memory or on disk."""
    return rows_of_batches(dataset.with_format("arrow").iter(batch_size=_BATCH))


def save_dataset(table: pa.Table, folder: Path) -> None:
    """Writes a folder that ``load_from_disk`` opens. Files of other names that are in it stay."""
    hidden = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        datasets.Dataset(datasets.table.InMemoryTable(table)).save_to_disk(str(folder))
    finally:
        if not hidden:
            datasets.enable_progress_bars()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
