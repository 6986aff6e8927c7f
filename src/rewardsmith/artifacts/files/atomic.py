"""Files that are either the old one or the new one, never half of each; folders that are whole or absent."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.artifacts.files.partial import claimed, partial_path
from rewardsmith.errors import OutputError, RewardsmithError, RunError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NOT_A_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, in the same folder; it becomes ``path`` on success and disappears on failure.

    Missing parent folders are made. A full disk is a ``RunError``; a place that cannot be written is an
    ``OutputError``. The temporary name keeps the suffix, since writers choose their format by it.
    """
    target = Path(path)
    temporary = partial_path(target)
    try:
        with told_to_users(target, temporary), claimed(temporary):
            yield temporary
            _flush_to_disk(temporary)
            os.replace(temporary, target)  # noqa: PTH105 - the atomic one, on every system
    finally:
        with suppress(OSError):  # the trouble itself is on its way up already
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to fill, beside ``path``; it becomes ``path`` on success and disappears on failure.

    ``path`` must not hold anything yet. Errors are those of ``atomic_path``. What a process that is killed leaves is
    removed by ``remove_abandoned``, as for ``atomic_path``.
    """
    target = Path(path)
    temporary = partial_path(target)
    try:
        with told_to_users(target, temporary), claimed(temporary, folder=True):
            yield temporary
            for file in temporary.iterdir():
                _flush_to_disk(file)
            _flush_folder(temporary)
            os.replace(temporary, target)  # noqa: PTH105 - the atomic one, on every system
            _flush_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes UTF-8 text with ``\\n`` line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Writes UTF-8 text, each line with ``\\n`` after it, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes one JSON document with sorted keys and a final newline, atomically.

    NaN and infinity are refused (``RunError`` names where they are): JSON has no word for them.
    """
    write_text(path, json_text(value, where=Path(path).name, indent=2) + "\n")


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Any]) -> None:
    """Writes one JSON document a line, in the order given, atomically. NaN and infinity are refused."""
    name = Path(path).name
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for line, row in enumerate(rows, start=1):
            file.write(json_text(row, where=f"{name} line {line}", sort_keys=False) + "\n")


def write_csv(path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a table of text as CSV (commas, UTF-8, lines end with ``\\n``), atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_table(path: str | os.PathLike[str], table: pa.Table) -> None:
    """Writes a table as Parquet (zstd), atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def json_text(
    value: Any, *, where: str, indent: int | None = None, sort_keys: bool = True, ascii_only: bool = False
) -> str:
    """JSON of plain values and numpy scalars. NaN and infinity are a ``RunError`` that says where they are."""
    try:
        return json.dumps(
            value,
            ensure_ascii=ascii_only,
            allow_nan=False,
            sort_keys=sort_keys,
            indent=indent,
            default=_plain_scalar,
        )
    except ValueError as error:
        places = ", ".join(_non_finite(value)) or str(error)
        raise RunError(f"{where} cannot be written: not a finite number: {places}.") from error


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a numpy scalar
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _non_finite(value: Any, at: str = "") -> list[str]:
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in _non_finite(item, f"{at}.{key}" if at else str(key))]
    if isinstance(value, list | tuple):
        return [place for index, item in enumerate(value) for place in _non_finite(item, f"{at}[{index}]")]
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    return [f"{at} = {value}"] if isinstance(value, float) and not math.isfinite(value) else []


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Makes the names in a folder lasting, where the system lets a folder be opened for that."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told_to_users(target: Path, temporary: Path) -> Iterator[None]:
    """Within it, trouble with writing ``target`` under another name becomes an error that a user can act on."""
    try:
        yield
    except OSError as error:
        translated = _translated(error, target, temporary)
        if translated is None:
            raise
        raise translated from error


def _translated(error: OSError, target: Path, temporary: Path) -> RewardsmithError | None:
    """What a user should read, if the trouble is with the file being written; else None."""
    about = None if error.filename is None else Path(os.fsdecode(error.filename))
    if about is not None and temporary not in (about, *about.parents) and about not in (target, *target.parents):
        return None
    if error.errno in _DISK_FULL or "[errno 28]" in str(error):  # pyarrow gives the number in its text only
        return RunError(f"{target}: no space left to write it. Free some, or choose another place.")
    if error.errno in _NOT_ALLOWED:
        return OutputError(f"{target}: may not be written ({error.strerror}). Choose another place.")
    if error.errno in _NOT_A_PLACE:
        return OutputError(f"{target}: cannot be made there ({error.strerror}). Choose another place.")
    return None
