"""Rows of Arrow tables and Parquet files, a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.byte_stream import read_all
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, json_text

_BATCH = 10_000
PARQUET_MAGIC = b"PAR1"


def read_parquet(path: Path) -> Iterator[RawRow]:
    """Rows of a Parquet file, gzipped as a whole or not; ``line`` is the row number, from 1."""
    try:
        with path.open("rb") as file:
            plain = file.read(4) == PARQUET_MAGIC
        content, damage = (path, None) if plain else read_all(path)
        if damage is not None:
            raise DataError(f"{path}: {damage.message}. A Parquet file cannot be read in part.")
        table = pq.ParquetFile(content if isinstance(content, Path) else io.BytesIO(content))
        yield from rows_of_batches(table.iter_batches(batch_size=_BATCH))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file: {_first_line(error)}.") from error


def rows_of_table(table: pa.Table) -> Iterator[RawRow]:
    """Rows of a table in memory."""
    return rows_of_batches(table.to_batches(max_chunksize=_BATCH))


def rows_of_batches(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[RawRow]:
    """Rows of the batches, numbered from 1."""
    number = 0
    for batch in batches:
        for record in _records(batch):
            number += 1
            if record is None:
                yield bad_row("bad_utf8", "a text of the row is not valid UTF-8", "", number)
            else:
                yield RawRow(record, json_text(record), number)


def _records(batch: pa.RecordBatch | pa.Table) -> Iterator[dict[str, Any] | None]:
    """The batch's rows; None for one whose text is not UTF-8, which only shows when it is turned into Python."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
