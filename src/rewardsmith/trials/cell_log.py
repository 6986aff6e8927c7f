"""``cells.jsonl``: one line a finished cell of an experiment. What is there is not computed again."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.files.atomic import json_text, write_jsonl
from rewardsmith.artifacts.files.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.version import __version__

Result = Mapping[str, Any]


class Cell(Protocol):
    """Where a result belongs: a frozen dataclass of plain values, all of which stand in the result too."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> str:
        """Its name in messages; no two cells have the same."""
        ...


C = TypeVar("C", bound=Cell)


class CellLog(Generic[C]):
    """Appends results; each is on disk when ``add`` returns. Only one process writes."""

    def __init__(self, path: Path, kind_of_cell: type[C]) -> None:
        self._path = path
        self._kind_of_cell = kind_of_cell
        self._results = {self._key(result): result for result in _whole_lines(path)}

    def missing(self, cells: Sequence[C]) -> list[C]:
        """Those without a result."""
        return [cell for cell in cells if cell.key not in self._results]

    def results(self, cells: Sequence[C]) -> list[dict[str, Any]]:
        """Of these cells, in their order. All must be there."""
        return [self._results[cell.key] for cell in cells]

    def add(self, result: dict[str, Any]) -> None:
        line = json_text(result, where=self._path.name, sort_keys=False)
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._results[self._key(result)] = result

    def close(self, cells: Sequence[C]) -> None:
        """Puts the lines of these cells first, in their order; those of others, computed before, stay behind them."""
        asked = {cell.key for cell in cells}
        others = [result for key, result in self._results.items() if key not in asked]
        write_jsonl(self._path, [*self.results(cells), *others])

    def _key(self, result: Result) -> str:
        return self._kind_of_cell(**{field.name: result[field.name] for field in fields(self._kind_of_cell)}).key


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """A last line that was cut off by a kill is removed, so that the next one begins at its own."""
    if not path.exists():
        return []
    results = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            results.append(json.loads(line))
        except ValueError:
            continue
    write_jsonl(path, results)
    return results


def fingerprint_of_code(packages: Iterable[str]) -> str:
    """Version and fingerprint of the code of some packages: cells go on only with the code that began them."""
    root = Path(__file__).resolve().parents[1]
    files = sorted(file for package in packages for file in (root / package).rglob("*.py"))
    code = fingerprint_json({file.relative_to(root).as_posix(): fingerprint_file(file) for file in files})
    return f"{__version__} {code}"


def credits_as_text(credit: NDArray[np.float64]) -> str:
    """Credits [N] of an arm, each 0, 0.5 or 1, in two bits each: all that a paired statistic needs of a cell."""
    doubled = np.round(2 * credit).astype(np.uint8)
    return base64.b64encode(np.packbits(np.stack([doubled & 1, doubled >> 1])).tobytes()).decode("ascii")


def credits_from_text(text: str, number: int) -> NDArray[np.float64]:
    """The ``number`` credits that ``credits_as_text`` wrote."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8), count=2 * number)
    half, whole = bits.reshape(2, number)
    return np.asarray(0.5 * half + whole, dtype=np.float64)
