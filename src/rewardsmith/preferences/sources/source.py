"""Where rows come from: the data set that a user names or passes, as a list of sources to read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.errors import DataError
from rewardsmith.preferences.files.arrow_table import PARQUET_MAGIC, read_parquet, rows_of_table
from rewardsmith.preferences.files.byte_stream import DamagedFileError, read_chunks, refuse_wide_text
from rewardsmith.preferences.files.csv_table import read_csv
from rewardsmith.preferences.files.json_list import read_json
from rewardsmith.preferences.files.jsonl import read_jsonl
from rewardsmith.preferences.files.noted_file import NotedFile, Readable
from rewardsmith.preferences.files.raw_row import RawRow, rows_of_records
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.sources.folder_files import DEFAULT_SPLIT, set_files
from rewardsmith.preferences.sources.refined_folder import ledger_path, verb_of
from rewardsmith.preferences.sources.set_names import EMBEDDED_SET, ending, is_pattern, refuse_missing

READERS: dict[str, Callable[[Readable], Iterator[RawRow]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
}
"""Ending of a file's name (before ``.gz``) -> reader."""
_SAVED_DATASET_FILES = ("dataset_dict.json", "state.json")
IN_MEMORY = "<in memory>"


@dataclass(frozen=True)
class Source:
    """A file, or whatever else gives rows."""

    name: str
    rows: Callable[[], Iterator[RawRow]]
    stem: str
    """Short name: the source, and in a set of several files the category, of rows that name none."""
    unit: str = "line"
    """What its numbers count: lines, or rows where it has none."""
    fingerprint: Callable[[], str] | None = None
    """Of what was read, to be asked for afterwards; None: taken over the rows while they are read."""

    def place(self, line: int) -> str:
        """File and line, for messages."""
        return f"{self.name} {self.unit} {line}"


def find_sources(dataset: Any, options: DataOptions) -> tuple[str, list[Source]]:
    """The set's name and its sources. ``DataError`` in one line where there are none."""
    if isinstance(dataset, str | Path):
        return _named(str(dataset), options)
    if isinstance(dataset, Sequence) and dataset and all(isinstance(item, str | Path) for item in dataset):
        _refuse_split("A list of files", options)
        paths = [Path(at_home(str(item))) for item in dataset]
        return "+".join(map(_stem, paths[:3])) + "+..." * (len(paths) > 3), _file_sources(paths, "The list")
    return "in-memory", [Source(IN_MEMORY, _memory_rows(dataset, options), "in-memory", "row")]


def _named(name: str, options: DataOptions) -> tuple[str, list[Source]]:
    refuse_missing(name)
    if name == EMBEDDED_SET:
        _refuse_split(name, options)
        from rewardsmith.preferences.sources.embedded import dialogues_path  # the data set need not be there for others

        return "dialogues", [_file_source(Path(dialogues_path()), name)]
    path = Path(at_home(name))
    if path.is_dir():
        return path.resolve().name, _folder_sources(path, options)
    if path.exists():
        _refuse_split(name, options)
        return _stem(path), [_file_source(path)]
    if is_pattern(name):
        _refuse_split(name, options)
        return _stem(path), _file_sources(sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))), name)
    return name.rsplit("/", 1)[-1], [_hub_source(name, options)]


def _refuse_split(name: str, options: DataOptions) -> None:
    if options.dataset_split != DEFAULT_SPLIT:
        raise DataError(
            f"`dataset_split` {options.dataset_split}: {name} has no splits. Drop it, or name a folder or a Hub id."
        )


def _folder_sources(folder: Path, options: DataOptions) -> list[Source]:
    verb = verb_of(folder)
    if verb == "export":
        read_manifest(folder)  # a part of an export is no set
    if any((folder / file).exists() for file in _SAVED_DATASET_FILES):
        from rewardsmith.preferences.files.hugging_face import load_saved_dataset, rows_of_dataset

        saved = load_saved_dataset(folder, options.dataset_split)
        return [
            Source(str(folder), partial(rows_of_dataset, saved), folder.name, "row", partial(fingerprint_file, folder))
        ]
    if verb == "refine":
        return [_file_source(ledger_path(folder))]
    if verb not in (None, "export"):
        raise DataError(f"{folder} holds what `rewardsmith {verb}` wrote, not a preference set; name a file in it.")
    paths = set_files(folder, options.dataset_split, lambda path: ending(path) in READERS)
    return _file_sources(paths, str(folder))


def _file_sources(paths: list[Path], name: str) -> list[Source]:
    if not paths:
        raise DataError(f"{name} holds no preference file: none ends with {', '.join(READERS)} (or that and .gz).")
    return [_file_source(path) for path in paths]


def _file_source(path: Path, name: str | None = None) -> Source:
    if not path.is_file():
        raise DataError(f"{path} is not a file.")
    reader = READERS.get(ending(path)) or _reader_by_content(path)
    unit = "row" if reader is read_parquet else "line"
    file = NotedFile(path)
    return Source(name or str(path), partial(reader, file), _stem(path), unit, file.fingerprint)


def _hub_source(name: str, options: DataOptions) -> Source:
    from rewardsmith.preferences.files.hugging_face import load_hub_dataset, rows_of_dataset

    loaded = load_hub_dataset(name, options.dataset_config, options.dataset_split)
    return Source(name, partial(rows_of_dataset, loaded), name.rsplit("/", 1)[-1], "row")


def _memory_rows(dataset: Any, options: DataOptions) -> Callable[[], Iterator[RawRow]]:
    """Rows of an object: told by its type's library, so that no library is imported for others' objects."""
    library = type(dataset).__module__.split(".")[0]
    if isinstance(dataset, pa.Table):
        return partial(rows_of_table, dataset)
    if library == "pandas":
        return partial(_pandas_rows, dataset)
    if library == "datasets":
        from rewardsmith.preferences.files.hugging_face import one_split, rows_of_dataset

        return partial(rows_of_dataset, one_split(dataset, options.dataset_split, "The data set"))
    if isinstance(dataset, Mapping) or not hasattr(dataset, "__iter__"):
        raise DataError(f"A data set cannot be a {type(dataset).__name__}; pass a list of rows, a table or a name.")
    return partial(rows_of_records, dataset)


def _pandas_rows(frame: Any) -> Iterator[RawRow]:
    """Rows of a frame; its missing values become None. Columns of mixed types cannot be an Arrow table."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError):
        columns = frame.astype(object).where(frame.notna(), None)
        return rows_of_records(columns.to_dict("records"))
    return rows_of_table(table)


def _reader_by_content(path: Path) -> Callable[[Readable], Iterator[RawRow]]:
    """The reader of a file whose name does not say what it is."""
    try:
        start = b"".join(chunk for chunk, _ in zip(read_chunks(path), range(3), strict=False)).lstrip()
    except DamagedFileError:
        start = b"{"
    refuse_wide_text(path, start)
    if start.startswith(PARQUET_MAGIC):
        return read_parquet
    if start[:1] in (b"{", b"["):
        return read_json
    if not start:
        raise DataError(f"{path} is empty.")
    raise DataError(f"{path} is not JSON Lines, JSON, CSV or Parquet. Names should end with {', '.join(READERS)}.")


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.removesuffix(Path(name).suffix) if Path(name).suffix.lower() in READERS else name
