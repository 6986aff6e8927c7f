"""Finished pieces of one output file, kept beside it until all are there, so that a killed run goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.folder_lock import LOCK, FolderLock
from rewardsmith.artifacts.files.partial import remove_abandoned
from rewardsmith.errors import OutputError


class PartsFolder:
    """``<output>.parts/``: each part is named by its place and by a key of everything that decides its content.

    Parts of other settings or of other input have other names: they are never taken for this run's, and stay until an
    output is complete. A part counts once its record is there, which is written after it.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".parts")
        self._output = output

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Makes the folder and keeps other processes out. ``OutputError`` where it cannot be made, written or had.

        What a killed run left half written, here and of the output, is removed; so is, at the end, a folder in which
        nothing was finished.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FolderLock.take(self.folder)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror}). Choose another `output_file`."
            ) from error
        remove_abandoned(self.folder)
        remove_abandoned(self._output.parent, self._output.name)
        try:
            yield
        finally:
            lock.release()
            with suppress(OSError):  # it holds parts
                self.folder.rmdir()

    def path(self, index: int, key: str) -> Path:
        return self.folder / f"{index:06d}-{key[:32]}{self._output.suffix}"

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

    def remove_if_joined(self) -> None:
        """Removes parts that are all older than the output: the run that made it of them was killed before it could."""
        try:
            made = self._output.stat().st_mtime_ns
            is_newer = any(entry.stat().st_mtime_ns > made for entry in self.folder.iterdir() if entry.name != LOCK)
        except OSError:  # there is no output, there are no parts, or a run is writing them
            return
        if not is_newer:
            with suppress(OutputError), self.opened():
                self.remove()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _record_of(part: Path) -> Path:
    return part.with_name(part.name + ".record.json")
