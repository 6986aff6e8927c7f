"""The input's own columns in a Parquet output that is written part by part.

Types are seen a part at a time, so parts may differ: numbers widen and missing fields become null. A column whose
values have no common type, whose objects have no fixed fields, or that are nested deeply, holds JSON text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.preferences.files.raw_row import json_text, valid_text

MOST_FIELDS = 100
MOST_LEVELS = 20
_JSON = {b"rewardsmith": b"json"}


def kept_table(records: Sequence[Mapping[str, object] | None], taken: Collection[str]) -> pa.Table:
    """Columns of some rows; a bad row's cells are null. Names that are ``taken`` get ``original_`` before them."""
    names = list(dict.fromkeys(name for record in records if record is not None for name in record))
    arrays, fields = [], []
    for name in names:
        values = [None if record is None else record.get(name) for record in records]
        array = _typed(values)
        kept = kept_name(valid_text(str(name)), taken)
        fields.append(_json_field(kept) if array is None else pa.field(kept, array.type))
        arrays.append(_as_json(values) if array is None else array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)) if fields else pa.table({})


def kept_name(name: str, taken: Collection[str]) -> str:
    """The name of an input column in the output: different for different columns, whichever of them a part has."""
    bare = name
    while bare.startswith("original_"):
        bare = bare.removeprefix("original_")
    return f"original_{name}" if bare in taken else name


def join_parts(parts: Sequence[Path], target: Path, metadata: dict[str, str], last: Sequence[str]) -> None:
    """Writes the rows of all parts as one file, one part in memory at a time. The columns named ``last`` come last."""
    as_json: set[str] = set()
    while True:
        schema = _common_schema([pq.read_schema(part) for part in parts], as_json, last).with_metadata(metadata)
        try:
            with pq.ParquetWriter(target, schema, compression="zstd") as writer:
                for part in parts:
                    writer.write_table(_fitted(pq.read_table(part), schema))
        except _NoCommonTypeError as error:  # a value that only shows now that it does not fit, such as a huge integer
            as_json.add(error.column)
        else:
            return


class _NoCommonTypeError(Exception):
    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _common_schema(schemas: Iterable[pa.Schema], as_json: Collection[str], last: Sequence[str]) -> pa.Schema:
    fields: dict[str, pa.Field] = {}
    for field in (field for schema in schemas for field in schema):
        known = fields.get(field.name, field)
        fields[field.name] = _json_field(field.name)
        if field.name in as_json or _is_json(field) or _is_json(known):
            continue
        try:
            merged = pa.unify_schemas([pa.schema([known]), pa.schema([field])], promote_options="permissive")
            if not _unwieldy(merged.field(0).type):
                fields[field.name] = merged.field(0)
        except pa.ArrowException:
            pass  # no common type: the JSON text that stands there already
    return pa.schema([*(field for name, field in fields.items() if name not in last), *(fields[n] for n in last)])


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        column, found = table.column(field.name), table.schema.field(field.name)
        if _is_json(field) and not _is_json(found):
            column = _as_json(column.to_pylist())
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException as error:
            raise _NoCommonTypeError(field.name) from error
    return pa.Table.from_arrays(columns, schema=schema)


def _typed(values: list[Any]) -> pa.Array | None:
    """The values with the type that Arrow sees in them; None where it sees none."""
    if any(is_deep(value) for value in values):
        return None
    try:
        array = _array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None
    return None if _unwieldy(array.type) else array


def is_deep(value: Any, levels: int = MOST_LEVELS) -> bool:
    """Whether lists and objects lie in one another beyond what a column's type is good for."""
    if not isinstance(value, Mapping | list | tuple):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(is_deep(item, levels - 1) for item in inner)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return pa.array([plain_value(value) for value in values])


def plain_value(value: Any) -> Any:
    """The value with what a UTF-8 file can hold: half characters (lone surrogates) as escapes."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(item) for key, item in value.items()}
    return [plain_value(item) for item in value] if isinstance(value, list | tuple) else value


def _unwieldy(kind: pa.DataType) -> bool:
    """Whether a type has objects without fields, which Parquet cannot hold, or with too many to be fields."""
    if pa.types.is_struct(kind) and not 1 <= kind.num_fields <= MOST_FIELDS:
        return True
    return any(_unwieldy(inner) for inner in _inner_types(kind))


def _inner_types(kind: pa.DataType) -> Iterator[pa.DataType]:
    if pa.types.is_struct(kind) or pa.types.is_list(kind):
        yield from (kind.field(index).type for index in range(kind.num_fields))


def _as_json(values: Iterable[Any]) -> pa.Array:
    return pa.array([None if value is None else json_text(value) for value in values], pa.string())


def _json_field(name: str) -> pa.Field:
    return pa.field(name, pa.string(), metadata=_JSON)


def _is_json(field: pa.Field) -> bool:
    return bool((field.metadata or {}).get(b"rewardsmith") == b"json")
