"""What preferred responses have more of, from Python and without a model."""

from __future__ import annotations

from pathlib import Path

import pytest

import rewardsmith
from rewardsmith.errors import ConfigError, DataError

ROWS = [
    {
        "prompt": f"question {i}",
        "chosen": "Please wait." if i % 5 else "Wait!",
        "rejected": "Wait!" if i % 5 else "Please wait.",
        "category": "even" if i % 2 == 0 else "odd",
    }
    for i in range(80)
]


def test_rows_in_memory_give_a_table_of_features() -> None:
    found = rewardsmith.leanings(ROWS, quiet=True)
    polite = found[(found["of"] == "all") & (found["feature"] == "polite phrases")].iloc[0]
    assert (polite["share"], polite["num_pairs"], bool(polite["is_clear"])) == (0.8, 80, True)
    assert set(found["name"].dropna()) == {"even", "odd"}
    assert not [column for column in found if column.startswith("judges")]


def test_options_are_those_by_which_a_set_is_read() -> None:
    named = [{"q": row["prompt"], "good": row["chosen"], "bad": row["rejected"]} for row in ROWS]
    keys = {"prompt_key": "q", "chosen_key": "good", "rejected_key": "bad"}
    found = rewardsmith.leanings(named, max_pairs=40, seed=1, quiet=True, **keys)
    assert set(found["num_pairs"]) == {40} and set(found["of"]) == {"all"}


def test_a_wrong_option_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown option 'max_pair'. Did you mean max_pairs"):
        rewardsmith.leanings(ROWS, max_pair=4)
    with pytest.raises(DataError, match="nowhere.jsonl does not exist"):
        rewardsmith.leanings(tmp_path / "nowhere.jsonl")
