"""The file that `score` writes: the input's columns beside the rewards, part by part, as Parquet or JSON Lines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rewardsmith.artifacts.files.atomic import atomic_path, json_text, write_jsonl, write_table
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.errors import ConfigError, OutputError
from rewardsmith.preferences.files.raw_row import json_text as raw_json
from rewardsmith.preferences.files.raw_row import valid_text
from rewardsmith.workflows.outputs.kept_columns import is_deep, join_parts, kept_name, kept_table
from rewardsmith.workflows.outputs.output_paths import refuse_existing

Records = Sequence[Mapping[str, object] | None]
SUFFIXES = (".parquet", ".jsonl")


@dataclass(frozen=True)
class ScoreOutput:
    """The form is that of the file's name. ``columns``: the rewards' own, which come after the input's."""

    path: Path
    columns: Sequence[str]

    def write_part(self, path: Path, kept: Records | None, rewards: pa.Table) -> None:
        """Writes some rows. ``kept``: their records, or None to leave the input's columns out."""
        if self.path.suffix == ".jsonl":
            write_jsonl(path, self._json_rows(kept, rewards))
            return
        beside = pa.table({}) if kept is None else kept_table(kept, self.columns)
        schema = pa.schema([*beside.schema, *rewards.schema])
        write_table(path, pa.Table.from_arrays([*beside.columns, *rewards.columns], schema=schema))

    def join(self, parts: Sequence[Path], about: dict[str, Any]) -> None:
        """Puts the parts together in constant memory; a Parquet file also says what made it, in its metadata."""
        with atomic_path(self.path) as temporary:
            if self.path.suffix == ".parquet":
                text = json_text(about, where=self.path.name)
                join_parts(parts, temporary, {"rewardsmith": text}, last=self.columns)
                return
            with temporary.open("wb") as target:
                for part in parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, target)

    def _json_rows(self, kept: Records | None, rewards: pa.Table) -> Iterator[dict[str, Any]]:
        for index, entry in enumerate(rewards.to_pylist()):
            record = (kept[index] if kept is not None else None) or {}
            own = {kept_name(valid_text(str(name)), self.columns): _as_json(value) for name, value in record.items()}
            yield {**own, **{name: _shortest(value) for name, value in entry.items()}}


def check_output(path: Path, overwrite: bool) -> None:
    """Raises ``ConfigError`` or ``OutputError`` where a file cannot be written as asked."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"--output_file {path} must end with {' or '.join(SUFFIXES)}.")
    if path.is_dir():
        raise OutputError(f"--output_file {path} is a folder; name a file in it.")
    if path.exists() and not overwrite:
        PartsFolder(path).remove_if_joined()
    refuse_existing(path, overwrite)


def _shortest(value: Any) -> Any:
    """Rewards with the digits that a 32-bit float has, not with those of its 64-bit neighbour."""
    if isinstance(value, list):
        return [_shortest(item) for item in value]
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _as_json(value: Any) -> Any:
    """The value with null for NaN and infinity, which JSON does not have, and text for what it has no form for.

    What is nested deeply is JSON text, as in a Parquet file.
    """
    if is_deep(value):
        return raw_json(value)
    if isinstance(value, Mapping):
        return {valid_text(str(key)): _as_json(item) for key, item in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return _as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, int) else valid_text(str(value))
