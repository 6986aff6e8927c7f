from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.report.iterate.tables import label_rows
from rewardsmith.report.iterate.words import (
    gain_sentence,
    headline,
    measured,
    not_judged,
    over_optimised,
    points,
    stop_sentence,
)


def unjudged(run: dict[str, Any]) -> dict[str, Any]:
    """The run as it is without gold, without a judge, and with a single reward model."""
    nothing = {"value": None, "low": None, "high": None}
    run |= {"judged_by": None, "best_round": None, "best_against_plain": None, "should_have_stopped": None}
    for policy in (run["start"], *(each["policy"] for each in run["rounds"])):
        policy |= {"gold": nothing, "against_first": None, "against_last": None}
    for each in run["rounds"]:
        each["reward_model"] |= {"gold_accuracy": nothing, "num_gold_pairs": 0, "disagreement": None}
        each["path"] = [point | {"gold": None} for point in each["path"]]
        each["stops"] = []
    return run


def test_the_best_round_comes_first_then_its_gain_the_fall_and_the_stop(run: dict[str, Any]) -> None:
    assert headline(run) == "The policy of round 2 is judged best of 3 rounds."
    gain, fall, stop = points(run)
    assert gain == (
        "Judged by gold it wins 68% (62 to 76%) against the first policy, and 57% (50 to 64%) against round 1; its "
        "mean gold is 0.53 (0.50 to 0.56), that of the first policy 0.40 (0.37 to 0.43)."
    )
    alone = points(run | {"labels": "none"})[0]
    assert "against round 1 alone, which is plain RL; its" in alone
    assert "plain RL" not in points(run | {"labels": "none", "adapt": "metarm"})[0]
    assert fall == (
        "Over-optimisation: mean gold is down from 0.53 (0.50 to 0.56) after round 2 to 0.31 (0.28 to 0.34) after "
        "round 3, although the reward model sees a gain of 3.1 standard deviations instead of 1.9."
    )
    assert stop.startswith("It stopped after round 3, the first after which a rule held: ")


def test_a_fall_within_the_intervals_or_with_less_reward_is_no_over_optimisation(run: dict[str, Any]) -> None:
    last = run["rounds"][2]["policy"]
    assert over_optimised(run)
    assert not over_optimised(run | {"best_round": 3})
    last["reward_gap_first"] = 1.8
    assert not over_optimised(run)
    last |= {"reward_gap_first": 3.1, "gold": {"value": 0.49, "low": 0.46, "high": 0.52}}
    assert not over_optimised(run)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stopped_after": None}, "Here is where to stop, after round 3: "),
        ({"should_have_stopped": 2, "stopped_after": None}, "It should have stopped after round 2: "),
        ({"should_have_stopped": None, "best_round": 3}, "No stop rule held after any round."),
        (
            {"should_have_stopped": None},
            "No stop rule held after any round, although the last one is not",
        ),
    ],
)
def test_when_it_should_have_stopped(run: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    run["rounds"][1]["stops"] = [{"rule": "ran_away", "value": 1.63, "bar": 1.25}]
    assert stop_sentence(run | changes).startswith(words)


def test_every_rule_says_what_was_measured_and_its_bar(run: dict[str, Any]) -> None:
    run["rounds"][2]["stops"].append({"rule": "ran_away", "value": 1.63, "bar": 1.25})
    said = stop_sentence(run)
    assert "its rewards spread 22% as far within a prompt as on the first policy's (bar 25%)" in said
    assert "its win rate over the round before may be as low as 14% (bar 50%)" in said
    assert "its KL or perplexity grew by a factor of 1.6 (bar 1.25)" in said


def test_what_nobody_judged_is_not_claimed(run: dict[str, Any]) -> None:
    run = unjudged(run)
    assert headline(run) == (
        "Nobody judged the policies: which round is best is not known, and rewards alone do not tell."
    )
    assert points(run) == ["No stop rule held after any round, as far as that can be told without a judge."]
    told = dict(not_judged(run))
    assert "Win rates, the best round" in told
    right = "Whether the reward model is right on the policy's responses"
    assert told[right].startswith("there is neither gold nor a judge")
    run["rounds"][-1]["reward_model"]["judge_accuracy"] = {"value": 0.6, "low": 0.5, "high": 0.7}
    assert right not in dict(not_judged(run))
    assert told["How sure the reward model is"] == "no two models differ in their rewards (`num_members`)"
    said = dict(measured(run))
    assert said["Judged by"] == "nobody" and "Best round" not in said


def test_where_everything_is_judged_nothing_is_missing(run: dict[str, Any]) -> None:
    assert not_judged(run) == [] and "Best round" in dict(measured(run))


def test_no_better_round_is_said_so(run: dict[str, Any]) -> None:
    run["best_round"] = 0
    assert headline(run) == "None of 3 rounds made a policy that is judged better than the first one."
    assert gain_sentence(run) == ""
    assert points(run)[0] == (
        "Over-optimisation: mean gold is down from 0.40 (0.37 to 0.43) of the first policy to 0.31 (0.28 to 0.34) "
        "after round 3, although the reward model sees a gain of 3.1 standard deviations."
    )


def test_an_only_round_that_is_no_better_is_one(run: dict[str, Any]) -> None:
    run |= {"best_round": 0, "rounds": run["rounds"][:1]}
    assert headline(run) == "The only round made no policy that is judged better than the first one."


def test_a_judge_that_labelled_is_told_from_one_that_did_not(run: dict[str, Any]) -> None:
    run |= {"judged_by": "judge", "labels": "judge"}
    assert dict(measured(run))["Judged by"].startswith("another reward model, the one that gave the fresh labels")
    assert dict(measured(run | {"labels": "none"}))["Judged by"] == "another reward model"


def test_a_chat_model_that_labels_is_no_reward_model_and_not_the_one_that_judges(run: dict[str, Any]) -> None:
    run |= {"judged_by": "judge", "labels": "judge", "chat_judge": "big-chat"}
    said = dict(measured(run))
    assert said["Fresh labels"] == "by the chat model big-chat"
    run["rounds"][1]["labels"] |= {"num_pairs": 190, "num_not_judged": 10}
    assert dict(measured(run))["Fresh labels"] == (
        "by the chat model big-chat, which did not judge 10 of 600 pairs: these are left out"
    )
    assert said["Judged by"] == "another reward model, not the chat model that gave the fresh labels"
    assert {row[2] for row in label_rows(run)} == {"big-chat"}
    assert dict(measured(run | {"chat_judge": None}))["Fresh labels"] == "by another reward model"


def test_a_run_that_waits_says_for_what(run: dict[str, Any]) -> None:
    run["waiting_for"] = "runs/loop/round-4/decisions.jsonl"
    assert headline(run) == "Round 4 waits for a person's decisions, in runs/loop/round-4/decisions.jsonl."
    assert points(run)[0] == "The policy of round 2 is judged best of 3 rounds."
    run["rounds"] = []
    assert headline(run).startswith("Round 1 waits")
    assert points(run) == []


def test_wrong_labels_of_the_preferences_are_told_where_they_are_known(run: dict[str, Any]) -> None:
    assert dict(measured(run))["Preferences"] == "2,000 of embedded/world; gold contradicts 27% of the labels"
    run |= {"wrong_share": None, "num_decided": 40}
    assert dict(measured(run))["Preferences"] == (
        "1,960 of embedded/world; and 40 of earlier loops, decided by a person"
    )
    run["num_decided"] = 0
    assert dict(measured(run))["Preferences"] == "2,000 of embedded/world"
