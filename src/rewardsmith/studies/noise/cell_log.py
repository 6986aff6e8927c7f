"""``cells.jsonl``: one line a finished cell. What is there is not computed again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.atomic import json_text, write_jsonl
from rewardsmith.studies.noise.cells import Cell


class CellLog:
    """Appends results; each is on disk when ``add`` returns. Only one process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results = _read(path)

    def missing(self, cells: list[Cell]) -> list[Cell]:
        """Those without a result."""
        return [cell for cell in cells if cell.key not in self._results]

    def results(self, cells: list[Cell]) -> list[dict[str, Any]]:
        """Of these cells, in their order. All must be there."""
        return [self._results[cell.key] for cell in cells]

    def add(self, result: dict[str, Any]) -> None:
        """One more line."""
        line = json_text(result, where=self._path.name, sort_keys=False)
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._results[_key(result)] = result

    def close(self, cells: list[Cell]) -> None:
        """Puts the lines of these cells first, in their order; those of others, computed before, stay behind them."""
        asked = {cell.key for cell in cells}
        others = [result for key, result in self._results.items() if key not in asked]
        write_jsonl(self._path, [*self.results(cells), *others])


def _key(result: dict[str, Any]) -> str:
    return Cell(result["seed"], result["kind"], result["rate"]).key


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Whole lines; a last line that was cut off by a kill is removed, so that the next one begins at its own."""
    if not path.exists():
        return {}
    results = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            results.append(json.loads(line))
        except ValueError:
            continue
    write_jsonl(path, results)
    return {_key(result): result for result in results}
