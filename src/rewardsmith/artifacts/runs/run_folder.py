"""The folder that a run leaves behind: plain files, and a manifest written last that says what they are.

A folder with ``manifest.json`` is finished. One with ``unfinished.json`` was interrupted: the same command resumes it.
"""

from __future__ import annotations

import json
import os
import shutil
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.files.folder_lock import LOCK, FolderLock
from rewardsmith.artifacts.files.partial import is_partial, remove, remove_abandoned
from rewardsmith.artifacts.runs.manifest import MANIFEST, MANIFEST_VERSION, UNFINISHED, read_record, this_machine
from rewardsmith.errors import InputError, OutputError

_CLEARING = "clearing"
# How a run talks, where it writes and how often it saves or measures do not change what it computes.
_NOT_PART_OF_THE_WORK = {
    *("output_dir", "overwrite", "quiet", "json", "dry_run"),
    *("save_steps", "save_total_limit", "eval_steps", "report_to", "run_name", "parallel_members"),
}


class RunFolder:
    """One run's folder, open for writing until ``finish``, and only for this process. Made by ``open``."""

    def __init__(self, path: Path, record: dict[str, Any], resumed: bool, lock: FolderLock) -> None:
        self.path = path
        self.resumed = resumed
        self._release = weakref.finalize(self, lock.release)  # a run that fails keeps nobody out
        self._record = record

    @classmethod
    def open(
        cls,
        output_dir: str | os.PathLike[str],
        verb: str,
        config: dict[str, Any],
        inputs: dict[str, str],
        overwrite: bool = False,
        seed: int = 0,
        may_change: Collection[str] = (),
    ) -> RunFolder:
        """Takes a new or empty folder, or one in which the same run was interrupted (``resumed`` is then True).

        ``inputs`` maps names to fingerprints. ``OutputError`` where the folder holds a finished run, another
        unfinished one, or files that are not ours; ``overwrite`` replaces the first two and keeps foreign files. Also
        where another process is running in it.

        Options in ``may_change`` may have other values when the run resumes: the caller checks what matters of them.
        """
        path = Path(output_dir)
        _found(path)  # refuses what must not get a lock file either
        lock = _locked(path)
        try:
            work = {"verb": verb, "config": config, "inputs": inputs, "seed": seed}
            return cls._opened(path, lock, work, overwrite, _NOT_PART_OF_THE_WORK.union(may_change))
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(
        cls, path: Path, lock: FolderLock, work: dict[str, Any], overwrite: bool, free: Collection[str]
    ) -> RunFolder:
        found = _found(path)
        remove_abandoned(path, below=True)
        record = {
            "tool": "rewardsmith",
            "manifest_version": MANIFEST_VERSION,
            **work,
            "started_at": _now(),
            "foreign_files": [],
        }
        if found is not None:
            finished = bool(found.get("finished_at"))
            changes = [] if finished else _changes(found, work, free)
            if not (finished or changes or _CLEARING in found):
                found = {**found, "config": work["config"]}  # what may change counts as it is now
                write_json(path / UNFINISHED, found)
                return cls(path, found, resumed=True, lock=lock)
            if finished:
                (path / UNFINISHED).unlink(missing_ok=True)  # a kill came between its last two steps
            if not overwrite and (finished or changes):
                raise OutputError(_in_the_way(path, found, changes))
            record["foreign_files"] = _foreign_files(path, found)
            _clear(path, record)
        write_json(path / UNFINISHED, record)
        return cls(path, json.loads((path / UNFINISHED).read_text(encoding="utf-8")), resumed=False, lock=lock)

    def finish(self, device: str = "cpu", scratch: Collection[str] = ()) -> None:
        """Writes ``manifest.json``: from here on the folder counts as finished.

        ``scratch``: folders in it that served the run alone; they are removed when nothing else is left to do.
        """
        remove_abandoned(self.path, below=True)
        passed_over = {MANIFEST, UNFINISHED, LOCK, *self._record["foreign_files"], *scratch}
        outputs = {
            file.relative_to(self.path).as_posix(): fingerprint_file(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and file.relative_to(self.path).parts[0] not in passed_over and not is_partial(file)
        }
        manifest = {
            **self._record,
            "outputs": outputs,
            "finished_at": _now(),
            "device": device,
            **this_machine(),
        }
        for name in scratch:
            shutil.rmtree(self.path / name, ignore_errors=True)
        write_json(self.path / MANIFEST, manifest)
        (self.path / UNFINISHED).unlink(missing_ok=True)
        self._release()

    @contextmanager
    def abandoned_on_input_error(self, unless: str | None = None) -> Iterator[None]:
        """What the user gave turns out to be wrong: the folder is left as if the run had never begun.

        Otherwise a corrected command would find an unfinished run of other options in its way. Nothing is removed where
        the folder has an entry of the name ``unless``.
        """
        try:
            yield
        except InputError:
            if not self.resumed and (unless is None or not (self.path / unless).exists()):
                _clear(self.path, self._record)
                (self.path / UNFINISHED).unlink()
                self._release()
            raise


def _found(path: Path) -> dict[str, Any] | None:
    """The record of the run that already is in a folder; None for a new or empty folder."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file. Choose another `output_dir`.")
    if not path.exists() or all(entry.name == LOCK or is_partial(entry) for entry in path.iterdir()):
        return None
    found = read_record(path / MANIFEST) or read_record(path / UNFINISHED)
    if found is None:
        raise OutputError(f"{path} is not empty and holds no run of rewardsmith. Choose another `output_dir`.")
    return found


def _locked(path: Path) -> FolderLock:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return FolderLock.take(path)
    except OSError as error:
        raise OutputError(f"{path}: may not be written ({error.strerror}). Choose another `output_dir`.") from error


def _changes(found: dict[str, Any], work: dict[str, Any], free: Collection[str]) -> list[str]:
    """Names of what differs between an unfinished run and the one that wants its place."""
    now = json.loads(json.dumps(work))
    names = [name for name in ("verb", "seed") if found[name] != now[name]]
    for part in ("config", "inputs"):
        keys = (found[part].keys() | now[part].keys()) - set(free)
        names += sorted(key for key in keys if found[part].get(key) != now[part].get(key))
    return list(dict.fromkeys(names))


def _in_the_way(path: Path, found: dict[str, Any], changes: list[str]) -> str:
    state = f"an unfinished {found['verb']} that differs in {', '.join(changes)}" if changes else ""
    state = state or f"a finished {found['verb']} of {found['finished_at']}"
    return f"{path} already holds {state}. Pass `overwrite` to replace it, or choose another `output_dir`."


def _foreign_files(path: Path, found: dict[str, Any]) -> list[str]:
    """Names of the entries that the run found in a folder did not write."""
    foreign = set(found["foreign_files"])
    entries = {entry.name for entry in path.iterdir() if not is_partial(entry)} - {LOCK, MANIFEST, UNFINISHED}
    if found.get("finished_at"):  # a finished run knows exactly what it wrote
        foreign |= entries - {name.split("/")[0] for name in found["outputs"]}
    return sorted(foreign & entries)


def _clear(path: Path, record: dict[str, Any]) -> None:
    """Removes all but foreign files; ``record`` says meanwhile that this is going on, so that a killed one goes on."""
    write_json(path / UNFINISHED, {**record, _CLEARING: True})
    (path / MANIFEST).unlink(missing_ok=True)  # from here on the folder is not a finished run
    for entry in list(path.iterdir()):
        if entry.name not in {LOCK, UNFINISHED, *record["foreign_files"]} and not is_partial(entry):
            remove(entry)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
