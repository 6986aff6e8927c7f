"""Cells of an experiment in this process, where starting others is not what is tested."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rewardsmith.trials.cell_log import Cell
from rewardsmith.trials.cell_processes import Prepare, Values


def run_cells_here(
    cells: Sequence[Cell], prepare: Prepare, given: Values, folder: Path, num_workers: int
) -> Iterator[Values]:
    """As `run_cells`, one after the other."""
    compute = prepare(json.loads(json.dumps(given)))
    for cell in cells:
        yield json.loads(json.dumps(compute(asdict(cell))))
