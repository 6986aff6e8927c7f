"""Files and folders that are being written, under names that nobody takes for finished ones.

Whoever writes one holds a lock on it, which ends with the process: what a killed process left is told from what another
one is writing, and only the former is removed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rewardsmith.artifacts.files.file_lock import is_still, lock

_PARTIAL = ".partial-"
_NAME = re.compile(rf"{re.escape(_PARTIAL)}[0-9a-f]+-(?P<target>.+)", re.DOTALL)
_LOCKABLE = os.name == "posix"  # elsewhere an open file cannot be renamed, nor a folder be opened


def partial_path(target: Path) -> Path:
    """A name beside ``target`` for the time until it is finished. It keeps the suffix: writers go by that."""
    return target.with_name(f"{_PARTIAL}{secrets.token_hex(4)}-{target.name}")


def is_partial(path: Path) -> bool:
    """Whether the name is that of something unfinished."""
    return _NAME.fullmatch(path.name) is not None


@contextmanager
def claimed(path: Path, folder: bool = False) -> Iterator[None]:
    """Makes an empty file, or a folder, that is this process's until the end. Missing parent folders are made."""
    descriptor = _made(path, folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_abandoned(folder: Path, target: str | None = None, below: bool = False) -> None:
    """Removes what killed processes left unfinished in a folder; what a living one writes stays.

    ``target``: only what was to bear this name. ``below``: in the folders below it too. Where the system cannot tell
    whether anybody is writing, everything stays.
    """
    for path in _entries(folder, below):
        name = _NAME.fullmatch(path.name)
        if name and target in (None, name["target"]):
            _remove_if_abandoned(path)


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; of a link, not what it leads to. It may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path, below: bool) -> list[Path]:
    """All that is in a folder, or only at its top. What vanishes meanwhile may be among it or not."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        found += [Path(place, name) for name in (*folders, *files)]
        if not below:
            break
    return found


def _made(path: Path, folder: bool) -> int | None:
    """The descriptor that holds the lock; None where there are no such locks."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.mkdir() if folder else path.touch(exist_ok=False)
            if not _LOCKABLE:
                return None
            descriptor = _opened(path)
        except FileNotFoundError:  # gone before it was locked, or its folder with it
            continue
        with suppress(OSError):  # this file system has no locks
            lock(descriptor, wait=True)  # whoever has it found it unlocked, and is removing it
        if is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)


def _remove_if_abandoned(path: Path) -> None:
    if not _LOCKABLE:
        return
    with suppress(OSError):  # gone meanwhile, not ours, or in use
        descriptor = _opened(path)
        try:
            lock(descriptor)
            remove(path)
        finally:
            os.close(descriptor)
