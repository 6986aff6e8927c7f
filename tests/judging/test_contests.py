"""Files meet on the prompts that they share, response by response."""

from __future__ import annotations

from rewardsmith.judging.contests import Compared, compared_pairs
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.unlabelled.answers import AnswerSet, load_answers


def answers(**responses: list[str]) -> AnswerSet:
    return load_answers([{"prompt": name, "responses": texts} for name, texts in responses.items()], RowOptions())


A, B, C = (
    answers(p=["a0", "a1"], q=["a2"], r=["a3"]),
    answers(q=["b2"], p=["b0", "b1", "b9"]),
    answers(p=["c0"], s=["c"]),
)


def met(compared: list[Compared]) -> list[tuple[str, str]]:
    return [(one.pair.first["content"], one.pair.second["content"]) for one in compared]


def test_the_ith_meets_the_ith_and_a_prompts_pairs_stand_together() -> None:
    found = compared_pairs([A, B, C], "all")
    assert met(found) == [("a0", "b0"), ("a1", "b1"), ("a0", "c0"), ("b0", "c0"), ("a2", "b2")]
    assert [one.number for one in found] == [0, 1, 0, 0, 0]
    assert [(one.first, one.second) for one in found[2:4]] == [(0, 2), (1, 2)]


def test_less_can_be_asked_for() -> None:
    assert met(compared_pairs([A, B, C], "first")) == [("a0", "b0"), ("a1", "b1"), ("a0", "c0"), ("a2", "b2")]
    assert met(compared_pairs([A, B], "all", max_prompts=1)) == [("a0", "b0"), ("a1", "b1")]
    assert met(compared_pairs([A, B], "all", max_responses=1)) == [("a0", "b0"), ("a2", "b2")]
    assert met(compared_pairs([answers(x=["1"], p=["a"]), C], "all", max_prompts=1)) == [("a", "c0")]
    assert compared_pairs([answers(x=["1"]), C], "all") == []


def test_what_is_known_of_a_pair() -> None:
    one = load_answers([{"prompt": "p", "responses": ["long one", "b"], "gold": [1.0, 0.25]}], RowOptions())
    other = load_answers([{"prompt": "p", "responses": ["s", "b"], "gold": [0.5, None]}], RowOptions())
    first, second = compared_pairs([one, other], "all")
    assert (first.gold_gap, first.length_gap) == (0.5, 7) and (second.gold_gap, second.length_gap) == (None, 0)
