"""Cells of an experiment, several at a time: each process computes one after the other, with one thread.

A process reads lines of JSON from standard input: first the name of a function and what it is given, then a cell a
line. The function makes ready whatever cells share and returns what computes one of them; each cell is answered with
its result. When the pipe closes, the parent is gone, and the process ends at once.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rewardsmith.artifacts.files.atomic import json_text
from rewardsmith.errors import DataError, InputError, RunError
from rewardsmith.trials.cell_log import Cell

TAIL_LINES = 15

Values = dict[str, Any]
Prepare = Callable[[Values], Callable[[Values], Values]]
"""A function of some module: from what it is given, as JSON, to what computes the result of a cell, as JSON."""


def run_cells(
    cells: Sequence[Cell], prepare: Prepare, given: Values, folder: Path, num_workers: int
) -> Iterator[Values]:
    """Results as they come. An error, or leaving early, ends the processes, whose words stand in ``folder`` so long."""
    number = min(num_workers, len(cells))
    if not number:
        return
    processes = [CellProcess(prepare, given, folder / f"worker-{index}.stderr.txt") for index in range(number)]
    idle: SimpleQueue[CellProcess] = SimpleQueue()
    for process in processes:
        idle.put(process)

    def compute(cell: Cell) -> Values:
        process = idle.get()
        try:
            return process.compute(cell)
        finally:
            idle.put(process)

    pool = ThreadPoolExecutor(number)
    try:
        waiting: set[Future[Values]] = {pool.submit(compute, cell) for cell in cells}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for process in processes:
            process.end()
        pool.shutdown(wait=True, cancel_futures=True)


class CellProcess:
    """The parent's side of one process; ``compute`` waits for the answer."""

    def __init__(self, prepare: Prepare, given: Values, said: Path) -> None:
        self._said = said
        self._died_of: str | None = None
        with said.open("w", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the parent
            )
        self._send({"module": prepare.__module__, "function": prepare.__name__, "given": given})

    def compute(self, cell: Cell) -> Values:
        """The cell's result, ``skipped`` saying why where its data or its fits do not allow one.

        Raises RunError for what the process died of, with this cell or one before it, InputError for options that have
        become wrong.
        """
        if self._died_of:
            raise RunError(self._died_of)
        self._send({"key": cell.key, "values": asdict(cell)})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._died_of = f"cell {cell.key}: {self._last_words()}"
            raise RunError(self._died_of)
        answer: Values = json.loads(line)
        if "error" in answer:
            raise InputError(f"cell {cell.key}: {answer['error']}")
        return answer

    def end(self) -> None:
        """Ends the process, whatever it is doing: a cell that is lost is computed again."""
        self._process.kill()
        self._process.communicate()
        self._said.unlink(missing_ok=True)

    def _send(self, message: Values) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died, and reading from it will say of what
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _last_words(self) -> str:
        status = self._process.wait()
        if status == -9:
            return "its process was killed, most often for want of memory: lower `workers`."
        lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"its process ended with status {status}: {' | '.join(lines[-TAIL_LINES:])}"


def main() -> int:
    """Answers cells until there are no more."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    first = json.loads(sys.stdin.readline())
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    compute = getattr(importlib.import_module(first["module"]), first["function"])(first["given"])
    while True:
        cell = json.loads(lines.get())
        try:
            answer = compute(cell["values"])
        except (DataError, RunError) as error:  # would come again: the other cells go on without this one
            answer = {**cell["values"], "skipped": str(error)}
        except InputError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json_text(answer, where=f"cell {cell['key']}", sort_keys=False) + "\n")
        sys.stdout.flush()


def _listen(lines: queue.SimpleQueue[str]) -> None:
    """Takes what the parent writes; ends the process when the pipe closes."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
