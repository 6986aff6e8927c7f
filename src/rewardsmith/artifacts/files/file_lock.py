"""Locks that end with the process, however that ends: the operating system holds them, not the file."""

from __future__ import annotations

import os
from pathlib import Path

if os.name == "nt":  # pragma: no cover - not run here
    import msvcrt

    def lock(descriptor: int, wait: bool = False) -> None:
        """Locks an open file; ``OSError`` where another process has it, or the file system has no locks."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # beyond the text, so that others can read that
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def lock(descriptor: int, wait: bool = False) -> None:
        """Locks an open file; ``OSError`` where another process has it, or the file system has no locks."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def is_still(path: Path, descriptor: int) -> bool:
    """Whether the name is still that of the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
