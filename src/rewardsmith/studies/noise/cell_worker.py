"""A process that computes cells, one at a time, with one thread.

It reads lines of JSON from standard input: first the file of the pairs and the options, then a cell a line; it answers
each with the cell's result. When the pipe closes, the parent is gone, and the process ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.atomic import json_text
from rewardsmith.errors import DataError, InputError, RunError
from rewardsmith.studies.noise.arms import Trainer
from rewardsmith.studies.noise.cells import Cell, CellOptions, run_cell
from rewardsmith.studies.noise.probe_trainer import ProbeTrainer
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.studies.noise.trial import Trial

TAIL_LINES = 15


class CellWorker:
    """The parent's side of one process; ``compute`` waits for the answer."""

    def __init__(self, pairs_file: Path, options: CellOptions, number: int) -> None:
        self._said = pairs_file.with_name(f"worker-{number}.stderr.txt")
        with self._said.open("w", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rewardsmith.studies.noise.cell_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the parent
            )
        self._send({"pairs_file": str(pairs_file), "options": asdict(options)})

    def compute(self, cell: Cell) -> dict[str, Any]:
        """The cell's result, ``skipped`` saying why where its data or its fits do not allow one.

        Raises RunError for what the process died of, InputError for options that have become wrong.
        """
        self._send(asdict(cell))
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RunError(f"cell {cell.key}: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InputError(f"cell {cell.key}: {answer['error']}")
        return answer

    def end(self) -> None:
        """Ends the process, whatever it is doing: a cell that is lost is computed again."""
        self._process.kill()
        self._process.communicate()
        self._said.unlink(missing_ok=True)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died, and reading from it will say of what
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _last_words(self) -> str:
        status = self._process.wait()
        if status == -9:
            return "its process was killed, most often for want of memory: lower --workers."
        lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"its process ended with status {status}: {' | '.join(lines[-TAIL_LINES:])}"


def main() -> int:
    """Answers cells until there are no more."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    first = json.loads(sys.stdin.readline())
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    pairs = StudyPairs.load(Path(first["pairs_file"]))
    options = CellOptions.of(first["options"])
    trainer_of = _trainer_of(options)
    while True:
        cell = Cell(**json.loads(lines.get()))
        try:
            answer = run_cell(pairs, cell, options, trainer_of)
        except (DataError, RunError) as error:  # would come again: the other cells go on without this one
            answer = {**asdict(cell), "skipped": str(error)}
        except InputError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json_text(answer, where=f"cell {cell.key}", sort_keys=False) + "\n")
        sys.stdout.flush()


def _trainer_of(options: CellOptions) -> Callable[[Trial], Trainer]:
    """Of each cell, the trainer that the options ask for."""
    job = options.forked
    if job is None:
        return ProbeTrainer
    # Heads need no language models, which take seconds to import.
    from rewardsmith.studies.noise.forked_trainer import ForkedTrainer, forked_base

    return lambda trial: ForkedTrainer(forked_base(job), trial)


def _listen(lines: queue.SimpleQueue[str]) -> None:
    """Takes what the parent writes; ends the process when the pipe closes."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
