import json
import subprocess
import sys

import pytest
from made_pairs import made_pairs

from rewardsmith.errors import InputError, RunError
from rewardsmith.studies.noise.cell_log import CellLog
from rewardsmith.studies.noise.cell_worker import CellWorker
from rewardsmith.studies.noise.cells import Cell, CellOptions, run_cell
from rewardsmith.studies.noise.run_cells import run_cells

OPTIONS = CellOptions(("plain", "clean"), test_share=0.3, num_judges=2)
CELLS = [Cell(seed, "uniform", 0.2) for seed in range(3)]


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "pairs.safetensors"
    made_pairs(300, 6).save(path)
    return path


def test_processes_compute_what_this_one_would(pairs_file):
    found = sorted(run_cells(CELLS, pairs_file, OPTIONS, num_workers=2), key=lambda result: result["seed"])
    alone = [run_cell(made_pairs(300, 6), cell, OPTIONS) for cell in CELLS]
    for one, other in zip(found, alone, strict=True):
        for arm in ("plain", "clean"):
            assert one["arms"][arm]["credit"] == other["arms"][arm]["credit"]
    assert [file.name for file in pairs_file.parent.iterdir()] == ["pairs.safetensors"]


def test_an_error_in_a_process_names_the_cell(pairs_file):
    broken = CellOptions(("plain", "clean", "nowhere.yaml"), 0.3, 2)
    with pytest.raises(InputError, match=r"cell uniform 0.2 seed 0: .*nowhere.yaml"):
        list(run_cells(CELLS[:1], pairs_file, broken, 1))


def test_a_cell_that_its_data_do_not_allow_is_skipped_and_the_others_go_on(pairs_file):
    cells = [Cell(0, "votes", 0.0), CELLS[0]]
    found = {result["kind"]: result for result in run_cells(cells, pairs_file, OPTIONS, 1)}
    assert found["votes"] == {
        "seed": 0,
        "kind": "votes",
        "rate": 0.0,
        "skipped": 'kind "votes": no pair of this set carries votes.',
    }
    assert set(found["uniform"]["arms"]) == {"plain", "clean"}


def test_a_process_that_dies_is_told(tmp_path):
    worker = CellWorker(tmp_path / "nowhere.safetensors", OPTIONS, 0)
    try:
        with pytest.raises(RunError, match=r"cell uniform 0.2 seed 0: its process ended with status 1: .*nowhere"):
            worker.compute(CELLS[0])
    finally:
        worker.end()


def test_a_process_ends_with_its_parent(pairs_file):
    process = subprocess.Popen(
        [sys.executable, "-m", "rewardsmith.studies.noise.cell_worker"], stdin=subprocess.PIPE, text=True
    )
    first = {"pairs_file": str(pairs_file), "options": {"methods": ["plain"], "test_share": 0.3, "num_judges": 2}}
    process.communicate(json.dumps(first) + "\n", timeout=60)
    assert process.returncode == 0


def result_of(cell):
    return {"seed": cell.seed, "kind": cell.kind, "rate": cell.rate, "arms": {}}


def test_what_is_logged_is_not_missing(tmp_path):
    log = CellLog(tmp_path / "cells.jsonl")
    log.add(result_of(CELLS[1]))
    again = CellLog(tmp_path / "cells.jsonl")
    assert again.missing(CELLS) == [CELLS[0], CELLS[2]]
    assert again.results([CELLS[1]]) == [result_of(CELLS[1])]


def test_a_line_that_was_cut_off_is_computed_again(tmp_path):
    path = tmp_path / "cells.jsonl"
    log = CellLog(path)
    for cell in CELLS:
        log.add(result_of(cell))
    path.write_text(path.read_text()[:-9])
    again = CellLog(path)
    assert again.missing(CELLS) == [CELLS[2]]
    again.add(result_of(CELLS[2]))
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_the_log_ends_with_the_cells_that_were_asked_for_before_the_others(tmp_path):
    log = CellLog(tmp_path / "cells.jsonl")
    for cell in reversed(CELLS):
        log.add(result_of(cell))
    log.close(CELLS[1:])
    assert [json.loads(line)["seed"] for line in (tmp_path / "cells.jsonl").read_text().splitlines()] == [1, 2, 0]
    assert CellLog(tmp_path / "cells.jsonl").missing(CELLS) == []
