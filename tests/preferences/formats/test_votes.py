"""TRL's form with votes."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.votes import VOTES
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError


def read(votes: Any) -> Pair:
    return VOTES.read({"prompt": "p", "chosen": "a", "rejected": "b", "votes": votes})


@pytest.mark.parametrize(
    ("votes", "target"),
    [((3, 2, 0), 1.0), ((1, 0, 3), 1.0), ((2, 2, 1), 0.5), ((0, 0, 3), 0.5), ((1, 2, 0), 1.0), ((0, 0, 0), 1.0)],
)
def test_the_label_is_kept_and_as_many_votes_on_both_sides_are_a_tie(votes: tuple[int, ...], target: float) -> None:
    pair = read(dict(zip(("chosen", "rejected", "tie"), votes, strict=True)))
    assert (pair.votes, pair.target) == (votes, target)


def test_missing_counts_are_zero_and_missing_votes_are_none() -> None:
    assert read({"chosen": 2}).votes == (2, 0, 0)
    assert read(None).votes is None


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        (3, "wrong_type"),
        ({"chosen": "many"}, "wrong_type"),
        ({"chosen": True}, "wrong_type"),
        ({"chosen": -1}, "out_of_range"),
        ({"tie": 1.5}, "out_of_range"),
        ({"tie": 2**40}, "out_of_range"),
        ({"tie": float("nan")}, "nan_score"),
    ],
)
def test_votes_that_are_no_counts_make_the_row_bad(votes: Any, reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        read(votes)
    assert error.value.reason == reason


def test_votes_scores_and_category_reach_the_table(load) -> None:
    record = {"prompt": "p", "chosen": "a", "rejected": "b", "category": "c", "source": "s", "meta": {"x": 1}}
    scored = {**record, "votes": {"chosen": 2, "rejected": 1, "tie": 0}, "score_chosen": 3, "score_rejected": 2.5}
    found = load([scored, {**record, "chosen": "z"}])
    assert found.format == "votes"
    names = ("votes_chosen", "votes_rejected", "votes_tie", "score_chosen", "score_rejected", "category", "source")
    assert [found.table[name].to_pylist() for name in names] == [
        [2, None],
        [1, None],
        [0, None],
        [3.0, None],
        [2.5, None],
        ["c", "c"],
        ["s", "s"],
    ]


def test_an_explicit_target_wins_over_the_votes(load) -> None:
    row = {"prompt": "p", "chosen": "a", "rejected": "b", "votes": {"chosen": 1, "rejected": 1}, "target": 0.9}
    assert load([row]).table["target"].to_pylist() == pytest.approx([0.9], abs=1e-6)
