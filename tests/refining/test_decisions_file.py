import json
from pathlib import Path

import pyarrow as pa
import pytest

from rewardsmith.errors import DataError
from rewardsmith.refining.decisions_file import read_decisions

PAIRS = pa.table({"pair_id": ["aa", "bb", "cc"], "row": pa.array([0, 2, 5], pa.int64())})


def written(path: Path, *records: object) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def test_pairs_are_named_by_id_or_row_and_the_last_word_counts(tmp_path):
    path = written(
        tmp_path / "decided.jsonl",
        {"pair_id": "cc", "decision": "drop"},
        {"row": 2, "decision": "keep", "note": "fine"},
        {"row": 5, "decision": "flip"},
    )
    assert read_decisions(path, PAIRS) == [None, "keep", "flip"]


def test_a_csv_file_is_as_good(tmp_path):
    path = tmp_path / "decided.csv"
    path.write_text("row,decision\n0,tie\n2,drop\n", encoding="utf-8")
    assert read_decisions(str(path), PAIRS) == ["tie", "drop", None]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"row": 0, "decision": "fliped"}, "line 1: \"decision\" is 'fliped', which is none of keep"),
        ({"row": 1, "decision": "flip"}, "line 1: the audit has no pair with row 1"),
        ({"pair_id": "zz", "decision": "flip"}, "no pair with pair_id zz"),
        ({"decision": "flip"}, 'neither "pair_id" nor "row"'),
        ([1], "line 1: the row is list"),
    ],
)
def test_a_decision_that_nobody_can_follow_is_told(tmp_path, record, message):
    with pytest.raises(DataError, match=message):
        read_decisions(written(tmp_path / "decided.jsonl", record), PAIRS)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_decisions(str(tmp_path / "nowhere.jsonl"), PAIRS)
