"""One process at a time in a folder.

The operating system holds the lock, not the file: it ends with the process, however that ends, so a lock is never left
behind. The file only says who has it.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from rewardsmith.artifacts.files.file_lock import is_still, lock
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import OutputError

LOCK = ".lock"
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_held: dict[Path, FolderLock] = {}


class FolderLock:
    """A folder taken by this process. Made by ``take``."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._folder, self._descriptor = folder, descriptor
        self._num_users = 0

    @classmethod
    def take(cls, folder: Path) -> FolderLock:
        """Takes a folder that exists; ``OutputError`` where another process has it.

        A process may take its own folder again: a run that failed in a notebook must not bar the next one. File
        systems without locks are used without, and that is said.
        """
        folder = folder.resolve()
        if folder in _held:
            return _held[folder]._used()
        path = folder / LOCK
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                lock(descriptor)
            except OSError as error:
                owner = os.read(descriptor, 200).decode("utf-8", "replace")
                if error.errno in _TAKEN:
                    os.close(descriptor)
                    raise OutputError(
                        f"{folder} is in use: {owner or 'another process'} is writing to it. Wait for it, or choose "
                        "another place."
                    ) from error
                say(f"{folder}: this file system has no locks ({error.strerror}); run one process at a time in it.")
            if is_still(path, descriptor):
                break
            os.close(descriptor)  # its owner removed it in between
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        _held[folder] = cls(folder, descriptor)
        return _held[folder]._used()

    def release(self) -> None:
        """Gives the folder free and removes the file, when all who took it have released it."""
        self._num_users -= 1
        if self._num_users > 0:
            return
        del _held[self._folder]
        with suppress(OSError):  # Windows removes no open file; there it stays
            (self._folder / LOCK).unlink(missing_ok=True)
        os.close(self._descriptor)

    def _used(self) -> FolderLock:
        self._num_users += 1
        return self
