"""States of a run on disk, from which it can go on as if nothing had happened.

A checkpoint is a folder ``step-000200`` of safetensors files, ``state.json`` and, written last, the checksums of all of
them. It is filled under another name and then renamed, so a run that is killed leaves whole checkpoints only; what a
disk does to them afterwards is found by the checksums.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from rewardsmith.artifacts.files.atomic import atomic_folder, write_json
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.files.partial import remove_abandoned
from rewardsmith.artifacts.files.tensor_files import write_tensors
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import ConfigError, RewardsmithError

STATE = "state.json"
CHECKSUMS = "checksums.json"
VERSION = 2


@dataclass(frozen=True)
class Checkpoint:
    """One state that was read back whole."""

    path: Path
    step: int
    """Optimiser steps done."""
    state: dict[str, Any]
    """Plain values, as they were given to ``save``."""

    def tensors(self, part: str) -> dict[str, Tensor]:
        """Tensors of one part, on the CPU."""
        return load_file(self._file(part))

    def has(self, part: str) -> bool:
        return self._file(part).is_file()

    def _file(self, part: str) -> Path:
        return self.path / f"{part}.safetensors"


class Checkpoints:
    """The newest states of one run. ``work`` says what the run is (pairs in a step, ...); another one is refused."""

    def __init__(self, folder: Path, every: int = 200, keep: int = 2, work: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.every, self._keep = every, keep
        self._work = dict(work or {})

    @property
    def wanted(self) -> bool:
        """Whether any state is to be saved at all."""
        return self.every > 0

    def due(self, step: int) -> bool:
        """Whether a state is to be saved after ``step`` steps."""
        return self.wanted and step % self.every == 0

    def save(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
        """Writes a state, one safetensors file a part, then removes the oldest ones above the number kept.

        A state between those that are due (of an interrupted run) is kept until the next one is there, so that which
        of the due ones are kept does not depend on interruptions.

        On a full disk (``RunError``) or in a place that cannot be written (``OutputError``) the earlier ones stay, and
        the message names the newest.
        """
        path = self.folder / f"step-{step:06d}"
        shutil.rmtree(path, ignore_errors=True)  # a damaged one, or this step is done a second time
        try:
            with atomic_folder(path) as temporary:
                for part, content in tensors.items():
                    write_tensors(temporary / f"{part}.safetensors", content)
                whole = {"version": VERSION, "step": step, "work": self._work, "state": state}
                write_json(temporary / STATE, whole)
                sums = {file.name: fingerprint_file(file) for file in sorted(temporary.iterdir())}
                write_json(temporary / CHECKSUMS, sums)
        except RewardsmithError as error:
            raise type(error)(f"{error} {self.last_good()}") from error
        found = self.paths()
        earlier = [old for old in found[: found.index(path)] if self.due(_step(old))]
        kept = {path, *earlier[max(0, len(earlier) + 1 - self._keep) :]}  # later ones are damaged, and were passed over
        for old in set(found) - kept:
            shutil.rmtree(old, ignore_errors=True)
        return path

    def newest(self) -> Checkpoint | None:
        """The newest whole state; damaged ones are passed over and named. ``ConfigError`` for one of other work."""
        if not self.folder.is_dir():
            return None
        remove_abandoned(self.folder)
        return next(self.whole(), None)

    def whole(self) -> Iterator[Checkpoint]:
        """The states that can be read, the newest first; damaged ones are named."""
        for path in reversed(self.paths()):
            if trouble := _trouble(path):
                say(f"Checkpoint {path} cannot be used ({trouble}); looking for an older one.")
                continue
            content = json.loads((path / STATE).read_text(encoding="utf-8"))
            self._refuse_other_work(path, content["work"])
            yield Checkpoint(path, content["step"], content["state"])

    def paths(self) -> list[Path]:
        """Folders of the states there are, damaged ones too, oldest first."""
        return sorted(self.folder.glob("step-*[0-9]"), key=_step)

    def last_good(self) -> str:
        """A sentence for an error: where the run can go on from."""
        whole = [path for path in self.paths() if not _trouble(path)]
        if not whole:
            return "No checkpoint had been saved."
        return f"The last checkpoint, {whole[-1]}, is whole: the same command goes on from there."

    def _refuse_other_work(self, path: Path, work: dict[str, Any]) -> None:
        now = json.loads(json.dumps(self._work))
        if changed := [f"{name} {work.get(name)} -> {now[name]}" for name in now if work.get(name) != now[name]]:
            raise ConfigError(
                f"{path} is a checkpoint of another run ({', '.join(changed)}). Restore the options or the number of "
                "processes, or ask to `overwrite`, to begin again."
            )


def work_before(folder: Path) -> dict[str, Any]:
    """What the newest state in a folder says that its run was; empty where there is none that can be read."""
    for path in reversed(Checkpoints(folder).paths()):
        if not _trouble(path):
            return dict(json.loads((path / STATE).read_text(encoding="utf-8"))["work"])
    return {}


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _trouble(path: Path) -> str:
    """Why a checkpoint cannot be used; empty where it is whole."""
    try:
        sums = json.loads((path / CHECKSUMS).read_text(encoding="utf-8"))
        changed = [name for name, checksum in sums.items() if fingerprint_file(path / name) != checksum]
        version = json.loads((path / STATE).read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    if version != VERSION:
        return f"written in form {version}, not {VERSION}, by another version of rewardsmith"
    return f"{', '.join(changed)} changed" if changed else ""
