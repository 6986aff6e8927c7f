"""Several rated responses to one prompt."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.ratings import RATINGS
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user


def rated(*ratings: Any) -> dict[str, Any]:
    return {"instruction": "p", "generations": [f"r{i}" for i in range(len(ratings))], "ratings": list(ratings)}


def texts(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(pair.chosen["content"], pair.rejected["content"]) for pair in RATINGS.pairs(record)]


def test_every_better_response_is_chosen_over_every_worse_one() -> None:
    best, *others = RATINGS.pairs(rated(3, 5.0, 1))
    assert best == Pair([user("p")], assistant("r1"), assistant("r0"), 1.0, score_chosen=5.0, score_rejected=3.0)
    assert best.margin == 0.0
    assert [(pair.score_chosen, pair.score_rejected) for pair in others] == [(5.0, 1.0), (3.0, 1.0)]
    assert texts(rated(3, 5, 5)) == [("r1", "r0"), ("r2", "r0")]


def test_ranks_begin_with_the_best_and_a_place_names_it() -> None:
    row = {"prompt": "p", "responses": ["r0", "r1", "r2"]}
    assert texts({**row, "ranks": [2, 1, 3]}) == [("r1", "r0"), ("r1", "r2"), ("r0", "r2")]
    assert RATINGS.pairs({**row, "ranks": [2, 1, 3]})[0].score_chosen is None
    assert texts({**row, "best": 2}) == [("r2", "r0"), ("r2", "r1")]
    assert texts({**row, "scores": [0.5, 0.5, 0.1]}) == [("r0", "r2"), ("r1", "r2")]


def test_pairs_of_a_row_are_one_group(load) -> None:
    found = load([{**rated(3, 2, 1), "instruction": question} for question in ("Why so?", "Who came?")])
    assert (found.num_rows_read, found.table["row"].to_pylist()) == (2, [0, 0, 0, 1, 1, 1])
    assert len(set(found.table["split_group"].to_pylist())) == 2
    assert len(set(found.table["pair_id"].to_pylist())) == 6


def test_equal_ratings_are_a_tie_of_different_responses() -> None:
    (pair,) = RATINGS.pairs({**rated(4, 4, 4), "generations": ["same", "same", "other"]})
    assert (pair.chosen["content"], pair.rejected["content"], pair.target) == ("same", "other", 0.5)


@pytest.mark.parametrize("unrated", [None, "N/A", ""])
def test_unrated_responses_do_not_count(unrated: object) -> None:
    assert texts(rated(unrated, "2", 3)) == [("r2", "r1")]


def test_completions_with_an_overall_score_are_read() -> None:
    completions = [{"response": f"r{i}", "overall_score": score} for i, score in enumerate((6.5, 8, 7))]
    assert texts({"instruction": "p", "completions": completions}) == [("r1", "r2"), ("r1", "r0"), ("r2", "r0")]


def test_completions_with_aspects_are_rated_by_their_mean() -> None:
    def completion(text: str, *ratings: Any) -> dict[str, Any]:
        return {"response": text, "annotations": {str(i): {"Rating": rating} for i, rating in enumerate(ratings)}}

    (pair,) = RATINGS.pairs({"prompt": "p", "completions": [completion("x", 2, "3"), completion("y", 5, "N/A")]})
    assert (pair.chosen["content"], pair.score_chosen, pair.score_rejected) == ("y", 5.0, 2.5)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (rated(1), "missing_field"),
        (rated(1, None), "missing_field"),
        ({**rated(1, 2), "instruction": ""}, "missing_field"),
        ({**rated(1, 2), "generations": ["one"]}, "wrong_type"),
        ({"prompt": "p", "responses": ["a", "b"], "best": 2}, "out_of_range"),
        ({**rated(1, 2), "generations": [1, 2]}, "wrong_type"),
        (rated(1, float("nan")), "nan_score"),
        (rated(1, "good"), "wrong_type"),
        ({"prompt": "p", "completions": ["text"]}, "wrong_type"),
        ({"prompt": "p", "completions": "text"}, "wrong_type"),
        ({"prompt": "p"}, "missing_field"),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        RATINGS.pairs(record)
    assert error.value.reason == reason


def test_both_shapes_are_recognised(load) -> None:
    assert load([rated(1, 2)]).format == "ratings"
    assert (
        load([{"prompt": "p", "completions": [{"response": "a", "score": 1}, {"response": "b", "score": 2}]}]).format
        == "ratings"
    )
