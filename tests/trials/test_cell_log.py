import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from squares import Square

from rewardsmith.trials.cell_log import CellLog, credits_as_text, credits_from_text, fingerprint_of_code

CELLS = [Square(number) for number in range(3)]


def result_of(cell):
    return {"number": cell.number, "square": cell.number**2}


def test_what_is_logged_is_not_missing(tmp_path):
    log = CellLog(tmp_path / "cells.jsonl", Square)
    log.add(result_of(CELLS[1]))
    again = CellLog(tmp_path / "cells.jsonl", Square)
    assert again.missing(CELLS) == [CELLS[0], CELLS[2]]
    assert again.results([CELLS[1]]) == [result_of(CELLS[1])]


def test_a_line_that_was_cut_off_is_computed_again(tmp_path):
    path = tmp_path / "cells.jsonl"
    log = CellLog(path, Square)
    for cell in CELLS:
        log.add(result_of(cell))
    path.write_text(path.read_text()[:-9])
    again = CellLog(path, Square)
    assert again.missing(CELLS) == [CELLS[2]]
    again.add(result_of(CELLS[2]))
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_the_log_ends_with_the_cells_that_were_asked_for_before_the_others(tmp_path):
    log = CellLog(tmp_path / "cells.jsonl", Square)
    for cell in reversed(CELLS):
        log.add(result_of(cell))
    log.close(CELLS[1:])
    assert [json.loads(line)["number"] for line in (tmp_path / "cells.jsonl").read_text().splitlines()] == [1, 2, 0]
    assert CellLog(tmp_path / "cells.jsonl", Square).missing(CELLS) == []


def test_other_code_has_another_fingerprint():
    assert fingerprint_of_code(["trials"]) == fingerprint_of_code(["trials"]) != fingerprint_of_code(["metrics"])


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=70))
def test_what_is_written_is_read(credits):
    np.testing.assert_array_equal(
        credits_from_text(credits_as_text(np.array(credits)), len(credits)), np.array(credits)
    )
