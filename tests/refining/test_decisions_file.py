import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.errors import DataError
from rewardsmith.refining.decisions_file import decisions_path, read_decisions

PAIRS = pa.table({"pair_id": ["aa", "bb", "cc"], "row": pa.array([0, 2, 5], pa.int64())})


def written(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_pairs_are_named_by_id_or_row_and_the_last_word_counts(tmp_path):
    path = written(
        tmp_path / "decided.jsonl",
        {"pair_id": "cc", "decision": "drop"},
        {"row": 2, "decision": "keep", "note": "fine"},
        {"row": 5, "decision": "flip"},
    )
    assert read_decisions(path, PAIRS) == ([None, "keep", "flip"], fingerprint_file(path))


def test_a_csv_file_is_as_good(tmp_path):
    path = tmp_path / "decided.csv"
    path.write_text("row,decision\n0,tie\n2,drop\n", encoding="utf-8")
    assert read_decisions(path, PAIRS)[0] == ["tie", "drop", None]


def test_an_empty_decision_is_none(tmp_path):
    path = tmp_path / "decided.csv"
    path.write_text("row,decision\n0,tie\n2,\n0,\n", encoding="utf-8")
    assert read_decisions(path, PAIRS)[0] == ["tie", None, None]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"row": 0, "decision": "fliped"}, "line 1: \"decision\" is 'fliped', which is none of keep"),
        ({"row": 1, "decision": "flip"}, "line 1: there is no pair with row 1"),
        ({"pair_id": "zz", "decision": "flip"}, "no pair with pair_id zz"),
        ({"decision": "flip"}, 'neither "pair_id" nor "row"'),
        ({"row": 0, "note": "fine"}, 'line 1: "decision" is None'),
        ([1], "line 1: the row is list"),
    ],
)
def test_a_decision_that_nobody_can_follow_is_told(tmp_path, record, message):
    with pytest.raises(DataError, match=message):
        read_decisions(written(tmp_path / "decided.jsonl", record), PAIRS)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "decided*.jsonl", "owner/decided", "folder"])
def test_only_a_file_on_this_machine_holds_decisions(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "decided.jsonl", {"row": 0, "decision": "keep"})
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=re.escape(f"`decisions` {name}: there is no such file")):
        decisions_path(name)


def test_a_file_in_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = written(tmp_path / "decided.jsonl", {"row": 0, "decision": "keep"})
    assert decisions_path("~/decided.jsonl") == path


def test_a_file_without_a_decision_is_not_taken_for_one_that_was_not_named(tmp_path):
    with pytest.raises(DataError, match="no decision stands in it"):
        read_decisions(written(tmp_path / "none.jsonl"), PAIRS)


def test_a_row_of_several_pairs_does_not_name_one(tmp_path):
    pairs = pa.table({"pair_id": ["a", "b"], "row": [0, 0]})
    with pytest.raises(DataError, match='row 0 gave 2 pairs. Name the one that is meant by "pair_id"'):
        read_decisions(written(tmp_path / "d.jsonl", {"row": 0, "decision": "drop"}), pairs)
    decided = written(tmp_path / "d.jsonl", {"pair_id": "b", "decision": "drop"})
    assert read_decisions(decided, pairs)[0] == [None, "drop"]
