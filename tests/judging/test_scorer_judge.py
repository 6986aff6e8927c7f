"""Rewards judge by the sign of their gap, outside of a band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from judge_server import pair
from rewardsmith.contracts.judge import Judge
from rewardsmith.contracts.scorer import Scores
from rewardsmith.errors import ConfigError, RefusedError
from rewardsmith.judging.scorer_judge import ScorerJudge
from stub_scorer import StubScorer

PAIRS = [pair("aaa", "a"), pair("a", "aaaa"), pair("aa", "bb"), pair("a", "bb"), pair("a", "a")]


def test_the_higher_reward_wins_and_small_gaps_tie() -> None:
    scorer = StubScorer(len)
    judge = ScorerJudge(scorer)
    assert isinstance(judge, Judge)
    rulings = judge.judge(PAIRS)
    assert [ruling.outcome for ruling in rulings] == ["win", "lose", "tie", "lose", "tie"]
    assert rulings[0].reason == "rewards +3 and +1" and rulings[4].reason == "the responses are equal"
    assert {ruling.shown_first for ruling in rulings} == {None}
    banded = ScorerJudge(scorer, tie_band=1.0)
    assert [ruling.outcome for ruling in banded.judge(PAIRS)] == ["win", "lose", "tie", "tie", "tie"]
    assert banded.fingerprint != judge.fingerprint


def test_swapping_the_sides_turns_the_outcome() -> None:
    judge = ScorerJudge(StubScorer(len))
    for one, other in zip(judge.judge(PAIRS), judge.judge([each.swapped for each in PAIRS]), strict=True):
        assert (one.outcome, other.outcome) in {("win", "lose"), ("lose", "win"), ("tie", "tie")}


def test_a_response_of_several_pairs_is_scored_once() -> None:
    scorer = StubScorer(len)
    ScorerJudge(scorer).judge([pair("x", "yy"), pair("x", "zzz"), pair("yy", "zzz"), pair("x", "x", "Another.")])
    assert scorer.num_scored == [4]


class Choosy(StubScorer):
    """Does not take every response."""

    def refusals(self, conversations: Sequence[Any]) -> dict[int, str]:
        return {place: "no bees" for place, talk in enumerate(conversations) if "b" in talk[-1]["content"]}

    def score(self, conversations: Sequence[Any]) -> Scores:
        if self.refusals(conversations):
            raise RefusedError("no bees")
        return super().score(conversations)


def test_what_a_scorer_refuses_is_not_judged() -> None:
    rulings = ScorerJudge(Choosy(len)).judge(PAIRS)
    assert [ruling.problem for ruling in rulings] == [None, None, "refused", "refused", None]
    assert rulings[2].outcome is None and rulings[2].reason == "no bees"


def test_a_band_below_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="`tie_band` -1"):
        ScorerJudge(StubScorer(len), tie_band=-1.0)
