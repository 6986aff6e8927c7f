"""Rows of Arrow tables and Parquet files, a batch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.errors import DataError
from rewardsmith.preferences.files.byte_stream import read_all
from rewardsmith.preferences.files.noted_file import Readable
from rewardsmith.preferences.files.raw_row import RawRow, bad_row, json_form

BATCH_ROWS = 10_000
PARQUET_MAGIC = b"PAR1"


def read_parquet(path: Readable) -> Iterator[RawRow]:
    """Rows of a Parquet file, gzipped as a whole or not; ``line`` is the row number, from 1."""
    try:
        with path.open("rb") as file:
            if file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
                yield from _rows_of_file(file)
                return
        content, damage = read_all(path)
        if damage is not None:
            raise DataError(f"{path}: {damage.message}. A Parquet file cannot be read in part.")
        yield from _rows_of_file(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file: {_first_line(error)}.") from error


def _rows_of_file(file: BinaryIO) -> Iterator[RawRow]:
    return rows_of_batches(pq.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS))


def rows_of_table(table: pa.Table) -> Iterator[RawRow]:
    return rows_of_batches(table.to_batches(max_chunksize=BATCH_ROWS))


def rows_of_batches(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[RawRow]:
    """Rows of the batches, numbered from 1."""
    number = 0
    for batch in batches:
        for record, readable, whole in _records(batch):
            number += 1
            original, exact = json_form(record)
            if readable:
                yield RawRow(record, original, number, exact=exact and whole)
            else:
                yield bad_row("bad_utf8", "a text of the row is not valid UTF-8", original, number, exact=False)


def _records(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[dict[str, Any], bool, bool]]:
    """The batch's rows, whether their text is UTF-8, and whether all of their values are Python's.

    Neither shows before they are turned into Python: a date of the year 12000 has no form there.
    """
    try:
        yield from ((record, True, True) for record in batch.to_pylist())
    except (OverflowError, ValueError):
        for number in range(batch.num_rows):
            row = batch.slice(number, 1)
            cells = {name: _cell(row.column(name)) for name in row.schema.names}
            readable, whole = (all(cell[part] for cell in cells.values()) for part in (1, 2))
            yield {name: cell[0] for name, cell in cells.items()}, readable, whole


def _cell(value: pa.Array | pa.ChunkedArray) -> tuple[Any, bool, bool]:
    """The one value of a column, as ``_records`` gives those of a row."""
    try:
        return value[0].as_py(), True, True
    except UnicodeDecodeError:
        return _readable(value), False, True
    except (OverflowError, ValueError):
        pass
    try:
        return value.cast(pa.string())[0].as_py(), True, False
    except (pa.ArrowException, ValueError):
        return f"<{value.type}>", True, False


def _readable(value: pa.Array | pa.ChunkedArray) -> Any:
    """The one value of a column; bytes that are no text as half characters, which JSON can write; None of odd types."""
    try:
        return value[0].as_py()
    except UnicodeDecodeError:
        as_bytes = _bytes_type(value.type)
    try:
        return _text(value.cast(as_bytes)[0].as_py())
    except (UnicodeDecodeError, pa.ArrowException):
        return None


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    """The type with bytes in the place of text."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.binary() if pa.types.is_string(kind) else pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_bytes_type(kind.value_type)))
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return pa.struct([field.with_type(_bytes_type(field.type)) for field in fields])
    return kind


def _text(value: Any) -> Any:
    """The value with text in the place of bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {name: _text(item) for name, item in value.items()}
    return [_text(item) for item in value] if isinstance(value, list) else value


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
