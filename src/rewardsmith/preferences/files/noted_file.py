"""A file whose fingerprint is of the bytes that were read, whatever happens to it meanwhile."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, Literal, Protocol

_BLOCK = 1 << 20


class Readable(Protocol):
    """What readers want of a file: a ``Path`` has it too. Its text is its name, for messages."""

    def open(self, mode: Literal["rb"], /) -> io.BufferedReader: ...


class NotedFile:
    """Stands for a path. Opened once more, it forgets what was read before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()

    def open(self, mode: Literal["rb"] = "rb", /) -> io.BufferedReader:
        self._digest = hashlib.sha256()
        return io.BufferedReader(_Noting(self.path.open(mode, buffering=0), self._digest), _BLOCK)

    def fingerprint(self) -> str:
        """``sha256:...`` of what was read: of the file at that time, if it was read to its end."""
        return f"sha256:{self._digest.hexdigest()}"

    def __str__(self) -> str:
        return str(self.path)


class _Noting(io.RawIOBase):
    """Passes on what is read from beginning to end; for who jumps about, everything is noted before the first jump."""

    def __init__(self, file: io.FileIO, digest: Any) -> None:
        self._file, self._digest = file, digest
        self._in_order = True

    def readinto(self, buffer: Any) -> int | None:
        size = self._file.readinto(buffer)
        if self._in_order:
            self._digest.update(memoryview(buffer)[:size])
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        while self._in_order and (block := self._file.read(_BLOCK)):
            self._digest.update(block)
        self._in_order = False
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()
