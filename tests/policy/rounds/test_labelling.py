"""Decisions about pairs of samples, and the preferences they make."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from written_samples import written

from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.labelling import Decision, FreshLabels, decisions_by, labelled, rows_to_decide
from rewardsmith.policy.rounds.options import LabellingOptions
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from stub_scorer import StubScorer

SAMPLES = written(["1", "2"], ["4", "3"], ["5", "5.0"], ["7", "8"])
PAIRS = [SamplePair(place, 0, 1) for place in range(4)]
GOLD = StubScorer(float)


def decided(decisions: Sequence[Decision | None], gold: bool = True) -> FreshLabels:
    return labelled(rows_to_decide(SAMPLES, PAIRS, 3), decisions, 3, "gold", GOLD if gold else None)


def many(num: int) -> tuple[RoundSamples, list[SamplePair]]:
    return written(*[[str(i), str(i + 1)] for i in range(num)]), [SamplePair(i, i % 2, 1 - i % 2) for i in range(num)]


def test_a_scorer_keeps_its_favourite_flips_the_other_and_calls_equal_ones_a_tie() -> None:
    assert decisions_by(GOLD, rows_to_decide(SAMPLES, PAIRS, 3), 0.0, 0) == ["flip", "keep", "tie", "flip"]
    assert decisions_by(GOLD, [], 0.25, 0) == []


def test_exactly_the_share_that_errs_is_wrong() -> None:
    samples, pairs = many(40)
    asked = rows_to_decide(samples, pairs, 1)
    right, noisy = (decisions_by(GOLD, asked, rate, 0) for rate in (0.0, 0.25))
    assert sum(one != other for one, other in zip(right, noisy, strict=True)) == 10
    assert labelled(asked, noisy, 1, "gold", GOLD).wrong_share == 0.25
    assert noisy == decisions_by(GOLD, asked, 0.25, 0) != decisions_by(GOLD, asked, 0.25, 1)


def test_rows_have_the_winner_as_chosen_and_say_where_they_are_from() -> None:
    fresh = decided(["flip", "keep", "tie", "keep"])
    assert [(row["chosen"], row["rejected"]) for row in fresh.rows] == [
        ("2", "1"),
        ("4", "3"),
        ("5", "5.0"),
        ("7", "8"),
    ]
    assert [row.get("target") for row in fresh.rows] == [None, None, 0.5, None]
    assert fresh.rows[0]["source"] == "round 3" and fresh.rows[0]["meta"]["labelled_by"] == "gold"
    assert [row["meta"]["truth"] for row in fresh.rows] == [
        {"gap": 1.0, "wrong": False},
        {"gap": 1.0, "wrong": False},
        {"gap": 0.0, "wrong": False},
        {"gap": -1.0, "wrong": True},
    ]
    assert fresh.wrong_share == pytest.approx(1 / 3)


def test_what_is_dropped_or_not_decided_is_no_preference() -> None:
    fresh = decided(["drop", None, "keep", "flip"])
    assert [row["id"] for row in fresh.rows] == ["round-3-2", "round-3-3"]


def test_without_gold_nobody_knows_what_is_wrong() -> None:
    fresh = decided(["keep"] * 4, gold=False)
    assert fresh.wrong_share is None and "truth" not in fresh.rows[0]["meta"]
    assert decided(["tie"] * 4).wrong_share is None


def test_a_person_decides_about_the_pairs_as_every_reader_names_them() -> None:
    rows = rows_to_decide(SAMPLES, PAIRS, 2)
    table = load_preferences(rows, DataOptions()).table
    assert [row["pair_id"] for row in rows] == table["pair_id"].to_pylist()
    assert [row["chosen"] for row in rows] == ["1", "4", "5", "7"]


def test_train_reads_the_rows_with_their_ties() -> None:
    table = load_preferences(decided(["flip", "keep", "tie", "drop"]).rows, DataOptions()).table
    assert table["target"].to_pylist() == [1.0, 1.0, 0.5]
    assert [prompt[-1]["content"] for prompt in table["prompt"].to_pylist()] == ["prompt 0", "prompt 1", "prompt 2"]
    assert table["source"].to_pylist() == ["round 3"] * 3


def test_what_a_response_holds_beside_its_text_stays() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"name": "look"}]}
    samples = RoundSamples.of_rows([{"prompt": "why", "responses": [[call], "b"]}])
    row = labelled(rows_to_decide(samples, [SamplePair(0, 0, 1)], 1), ["keep"], 1, "person").rows[0]
    assert row["chosen"] == [call] and row["rejected"] == "b"


def test_labels_of_gold_are_made_to_err_and_those_of_a_judge_are_its_own() -> None:
    assert LabellingOptions(labels="gold").flip_rate == 0.25
    assert LabellingOptions(labels="judge").flip_rate == 0.0
    assert LabellingOptions(labels="judge", label_flip_rate=0.1).flip_rate == 0.1
