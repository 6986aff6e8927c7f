"""Second labels of the pairs of a set, found by what the pairs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.errors import DataError
from rewardsmith.preferences.second_labels import SecondLabels, second_labels

Row = dict[str, Any]


def pair(number: int, chosen: str = "good", rejected: str = "bad", **more: Any) -> Row:
    return {"prompt": f"question {number}", "chosen": chosen, "rejected": rejected, **more}


@pytest.fixture
def seconds(load: Any, tmp_path: Path) -> Any:
    """Second labels of a file with these rows, for a set of the others."""

    def read(rows: list[Row], given: list[Row], on_bad_row: Any = "quarantine") -> SecondLabels:
        write_jsonl(tmp_path / "second.jsonl", rows)
        return second_labels(str(tmp_path / "second.jsonl"), on_bad_row, load(given))

    return read


def test_pairs_are_found_by_their_texts_in_either_order(seconds: Any) -> None:
    given = [pair(0), pair(1), pair(2), pair(3)]
    rows = [pair(2, "bad", "good"), pair(1, target=0.5), pair(0, target=0.8), pair(9), pair(0, "good", "other")]
    found = seconds(rows, given)
    np.testing.assert_allclose(found.target, [0.8, 0.5, 0.0, np.nan], atol=1e-6)
    assert (found.counts["num_covered"], found.counts["num_rows"], found.counts["num_unmatched"]) == (3, 5, 2)


def test_every_copy_of_a_pair_has_its_label_in_its_own_direction(seconds: Any) -> None:
    found = seconds([pair(0)], [pair(0), pair(0, "bad", "good"), pair(0)])
    assert found.target.tolist() == [1.0, 0.0, 1.0]


def test_rows_that_contradict_each_other_are_averaged_and_counted(seconds: Any) -> None:
    rows = [pair(0), pair(0, "bad", "good"), pair(1), pair(1), pair(1, "bad", "good"), pair(2), pair(2, target=0.5)]
    found = seconds(rows, [pair(0), pair(1), pair(2)])
    np.testing.assert_allclose(found.target, [0.5, 2 / 3, 0.75])
    assert found.num_contradicted == 2  # a tie contradicts nobody


def test_what_a_judge_writes_is_read_as_it_is(seconds: Any) -> None:
    texts = {"prompt": [{"role": "user", "content": "question 0"}], "response_first": "bad", "response_second": "good"}
    rulings = [{**texts, "outcome": "lose", "target": 0.0}, {**texts, "outcome": None, "reason": "refused"}]
    found = seconds(rulings, [pair(0)])
    assert found.target.tolist() == [1.0]
    assert [bad.reason for bad in found.quarantine] == ["not_judged"]


def test_a_file_of_other_pairs_is_refused_in_one_line(seconds: Any) -> None:
    with pytest.raises(DataError, match="none of its 1 pairs is one of in-memory"):
        seconds([pair(7)], [pair(0)])


def test_a_bad_row_ends_the_run_where_it_is_to(seconds: Any) -> None:
    with pytest.raises(DataError, match="line 2"):
        seconds([pair(0), pair(1, "")], [pair(0)], "error")
