"""All cells of a study, several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rewardsmith.studies.noise.cell_worker import CellWorker
from rewardsmith.studies.noise.cells import Cell, CellOptions


def run_cells(
    cells: Sequence[Cell], pairs_file: Path, options: CellOptions, num_workers: int
) -> Iterator[dict[str, Any]]:
    """Results as they come, each from a process with one thread. An error, or leaving early, ends the processes."""
    number = min(num_workers, len(cells))
    if not number:
        return
    workers = [CellWorker(pairs_file, options, index) for index in range(number)]
    idle: SimpleQueue[CellWorker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def compute(cell: Cell) -> dict[str, Any]:
        worker = idle.get()
        try:
            return worker.compute(cell)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(number)
    try:
        waiting: set[Future[dict[str, Any]]] = {pool.submit(compute, cell) for cell in cells}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for worker in workers:
            worker.end()
        pool.shutdown(wait=True, cancel_futures=True)
