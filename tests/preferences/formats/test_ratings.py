"""Several rated responses to one prompt."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.ratings import RATINGS
from rewardsmith.preferences.messages import assistant, user
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError


def rated(*ratings: Any) -> dict[str, Any]:
    return {"instruction": "p", "generations": [f"r{i}" for i in range(len(ratings))], "ratings": list(ratings)}


def test_the_best_is_chosen_against_the_worst() -> None:
    pair = RATINGS.read(rated(3, 5.0, 1, 5, 1))
    expected = Pair([user("p")], assistant("r1"), assistant("r2"), 1.0, score_chosen=5.0, score_rejected=1.0)
    assert pair == expected
    assert pair.margin == 0.0


def test_equal_ratings_are_a_tie_of_different_responses() -> None:
    pair = RATINGS.read({**rated(4, 4, 4), "generations": ["same", "same", "other"]})
    assert (pair.chosen["content"], pair.rejected["content"], pair.target) == ("same", "other", 0.5)


@pytest.mark.parametrize("unrated", [None, "N/A", ""])
def test_unrated_responses_do_not_count(unrated: object) -> None:
    pair = RATINGS.read(rated(unrated, "2", 3))
    assert (pair.chosen["content"], pair.rejected["content"]) == ("r2", "r1")


def test_completions_with_an_overall_score_are_read() -> None:
    completions = [{"response": f"r{i}", "overall_score": score} for i, score in enumerate((6.5, 8, 7))]
    pair = RATINGS.read({"instruction": "p", "completions": completions})
    assert (pair.chosen["content"], pair.rejected["content"], pair.score_chosen) == ("r1", "r0", 8.0)


def test_completions_with_aspects_are_rated_by_their_mean() -> None:
    def completion(text: str, *ratings: Any) -> dict[str, Any]:
        return {"response": text, "annotations": {str(i): {"Rating": rating} for i, rating in enumerate(ratings)}}

    pair = RATINGS.read({"prompt": "p", "completions": [completion("x", 2, "3"), completion("y", 5, "N/A")]})
    assert (pair.chosen["content"], pair.score_chosen, pair.score_rejected) == ("y", 5.0, 2.5)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (rated(1), "missing_field"),
        (rated(1, None), "missing_field"),
        ({**rated(1, 2), "instruction": ""}, "missing_field"),
        ({**rated(1, 2), "generations": ["one"]}, "wrong_type"),
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
        RATINGS.read(record)
    assert error.value.reason == reason


def test_both_shapes_are_recognised(load) -> None:
    assert load([rated(1, 2)]).format == "ratings"
    assert (
        load([{"prompt": "p", "completions": [{"response": "a", "score": 1}, {"response": "b", "score": 2}]}]).format
        == "ratings"
    )
