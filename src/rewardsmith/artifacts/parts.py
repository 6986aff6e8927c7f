"""Finished pieces of one output file, kept beside it until all are there, so that a killed run goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.artifacts.folder_lock import FolderLock
from rewardsmith.errors import OutputError


class PartsFolder:
    """``<output>.parts/``: each part is named by its place and by a key of everything that decides its content.

    Parts of other settings or of other input have other names: they are never taken for this run's, and stay until an
    output is complete. A part counts once its record is there, which is written after it.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".parts")
        self._suffix = output.suffix

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Makes the folder and keeps other processes out. ``OutputError`` where it cannot be made, written or had.

        A folder in which nothing was finished is removed at the end.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FolderLock.take(self.folder)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror}). Choose another `output_file`."
            ) from error
        try:
            yield
        finally:
            lock.release()
            with suppress(OSError):  # it holds parts
                self.folder.rmdir()

    def path(self, index: int, key: str) -> Path:
        return self.folder / f"{index:06d}-{key[:32]}{self._suffix}"

    def finished(self, part: Path) -> dict[str, Any] | None:
        """The record of a finished part; None where it is missing or incomplete."""
        try:
            record = json.loads(_record_of(part).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if part.is_file() and isinstance(record, dict) else None

    def finish(self, part: Path, record: dict[str, Any]) -> None:
        """Declares a part that has been written complete."""
        write_json(_record_of(part), record)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _record_of(part: Path) -> Path:
    return part.with_name(part.name + ".record.json")
