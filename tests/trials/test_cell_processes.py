import json
import subprocess
import sys

import pytest
from squares import Square, open_squares

from rewardsmith.errors import InputError, RunError
from rewardsmith.trials.cell_processes import CellProcess, run_cells

CELLS = [Square(number) for number in range(5)]


def squares(folder, num_workers=1, cells=CELLS, **given):
    return {result["number"]: result for result in run_cells(cells, open_squares, given, folder, num_workers)}


def test_processes_compute_every_cell_with_one_thread_and_leave_nothing_behind(tmp_path):
    found = squares(tmp_path, num_workers=2)
    assert {number: result["square"] for number, result in found.items()} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}
    assert {result["threads"] for result in found.values()} == {1}
    assert list(tmp_path.iterdir()) == []


def test_without_cells_no_process_is_started(tmp_path):
    assert squares(tmp_path / "nowhere", cells=[]) == {}


def test_a_cell_that_its_data_do_not_allow_is_skipped_and_the_others_go_on(tmp_path):
    found = squares(tmp_path, too_large=2)
    assert found[2] == {"number": 2, "skipped": "it is too large"}
    assert found[4]["square"] == 16


def test_an_error_of_the_input_names_the_cell_and_ends_the_experiment(tmp_path):
    with pytest.raises(InputError, match="cell number 1: its file is gone"):
        squares(tmp_path, gone=1)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_is_told_with_the_cell_that_it_died_of(tmp_path):
    process = CellProcess(open_squares, {"deadly": 1}, tmp_path / "said.txt")
    assert process.compute(CELLS[2])["square"] == 4
    for cell in (CELLS[1], CELLS[3]):
        with pytest.raises(RunError, match=r"cell number 1: its process ended with status 1: .*division by zero"):
            process.compute(cell)
    process.end()


def test_the_death_of_a_process_ends_the_experiment(tmp_path):
    with pytest.raises(RunError, match="cell number 0: its process ended with status 1"):
        squares(tmp_path, deadly=0)
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_with_its_parent():
    process = subprocess.Popen(
        [sys.executable, "-m", "rewardsmith.trials.cell_processes"], stdin=subprocess.PIPE, text=True
    )
    first = {"module": open_squares.__module__, "function": open_squares.__name__, "given": {}}
    process.communicate(json.dumps(first) + "\n", timeout=60)
    assert process.returncode == 0
