from __future__ import annotations

from typing import Any

from rewardsmith.report.iterate.next_steps import next_steps

OPTIONS = {"dataset_name": "embedded/world", "labels": "gold", "output_dir": "my runs/loop", "stop_early": False}


def test_the_best_policy_can_be_used_and_pairs_be_labelled_next(run: dict[str, Any]) -> None:
    use, label = next_steps(run, OPTIONS)
    assert use["command"] == ("rewardsmith sample prompts.jsonl --model_name_or_path 'my runs/loop/round-2/policy'")
    assert label["text"].startswith(
        "Label the pairs of label_next.jsonl next: the policy of round 2 wrote them, and none has a label yet. "
    )
    assert "Into decisions.jsonl beside it goes a line for each" in label["text"]
    assert label["command"] == (
        "rewardsmith iterate embedded/world --labels gold --output_dir 'my runs/loop-labelled' --no_stop_early "
        "--decisions 'my runs/loop/decisions.jsonl'"
    )


def test_pairs_to_label_are_those_of_the_best_policy(run: dict[str, Any]) -> None:
    def told(best: int | None) -> str:
        steps = next_steps(run | {"best_round": best, "should_have_stopped": None}, OPTIONS)
        return steps[-1]["text"].split(": ")[1].split(" wrote")[0]

    best = (0, 1, 2, 3, None)
    assert [told(one) for one in best] == ["the first policy", *("the policy of round " + n for n in "1222")]


def test_decisions_about_earlier_loops_stay(run: dict[str, Any]) -> None:
    label = next_steps(run, {**OPTIONS, "decisions": "runs/one/decisions.jsonl", "output_dir": "runs/two"})[-1]
    assert label["command"].endswith("--decisions runs/one/decisions.jsonl,runs/two/decisions.jsonl")


def test_a_run_that_went_on_can_be_ended_in_time(run: dict[str, Any]) -> None:
    *_, again = next_steps(run | {"should_have_stopped": 2, "label_next": None}, OPTIONS)
    assert again["text"] == "Do it again and end where a stop rule holds: after round 2."
    assert again["command"].endswith("--output_dir 'my runs/loop-stopped' --stop_early")


def test_where_a_person_is_waited_for_the_same_command_goes_on(run: dict[str, Any]) -> None:
    [step] = next_steps(run | {"waiting_for": "loop/round-2/decisions.jsonl"}, OPTIONS)
    assert "Into loop/round-2/decisions.jsonl, beside it, goes a line for each" in step["text"]
    assert step["command"] == (
        "rewardsmith iterate embedded/world --labels gold --output_dir 'my runs/loop' --no_stop_early"
    )


def test_where_no_round_is_better_the_next_ones_move_less(run: dict[str, Any]) -> None:
    run |= {"best_round": 0, "label_next": None, "should_have_stopped": 1}
    run["rounds"][0]["policy"]["against_first"]["rate"]["value"] = 0.4
    for i, point in enumerate(run["rounds"][0]["path"]):
        point["gold"] = 0.5 - 0.01 * abs(i - 11)
    [step] = next_steps(run, OPTIONS)
    assert step["text"] == (
        "No round was better than the first policy: move less in a round. In round 1 gold was highest at roll-out 12 "
        "of 30."
    )
    assert step["command"].endswith("--output_dir 'my runs/loop-nearer' --no_stop_early --num_rollouts 12")
    for i, point in enumerate(run["rounds"][0]["path"]):
        point["gold"] = 0.01 * i
    assert next_steps(run, OPTIONS)[0]["command"].endswith("--num_rollouts 15")  # not as many as there were
    run["rounds"][0]["path"][0]["gold"] = None
    [step] = next_steps(run, OPTIONS)
    assert step["command"].endswith("--num_rollouts 15")


def test_single_roll_outs_do_not_say_when_to_end_a_round(run: dict[str, Any]) -> None:
    run |= {"best_round": 0, "label_next": None, "should_have_stopped": 1}
    first = run["rounds"][0]
    first["policy"]["against_first"]["rate"]["value"] = 0.4
    first["path"] = first["path"][:11]
    first["path"][2]["gold"] = 0.9
    [step] = next_steps(run, OPTIONS)
    assert step["text"] == "No round was better than the first policy: move less in a round."
    assert step["command"].endswith("--num_rollouts 5")


def test_a_policy_that_lost_nothing_is_not_told_to_move_less(run: dict[str, Any]) -> None:
    run |= {"best_round": 0, "label_next": None, "should_have_stopped": 1}
    run["rounds"][0]["policy"]["against_first"]["rate"]["value"] = 0.5
    assert next_steps(run, OPTIONS) == []


def test_nothing_is_recommended_where_nobody_judged_and_a_person_has_labelled(run: dict[str, Any]) -> None:
    assert next_steps(run | {"best_round": None, "labels": "person"}, OPTIONS) == []
