from __future__ import annotations

from typing import Any

from rewardsmith.report.iterate.next_steps import next_steps

OPTIONS = {"dataset_name": "embedded/world", "labels": "gold", "output_dir": "my runs/loop", "stop_early": False}


def test_the_best_policy_can_be_used_and_pairs_be_labelled_next(run: dict[str, Any]) -> None:
    use, label = next_steps(run, OPTIONS)
    assert use["command"] == ("rewardsmith sample prompts.jsonl --model_name_or_path 'my runs/loop/round-2/policy'")
    assert "round-3/label_next.jsonl" in label["text"]
    assert label["command"] == (
        "rewardsmith iterate embedded/world --labels person --output_dir 'my runs/loop-labelled' --no_stop_early "
        "--adapt retrain"
    )


def test_one_reward_model_for_all_rounds_cannot_learn_from_labels(run: dict[str, Any]) -> None:
    label = next_steps(run | {"adapt": "none"}, {**OPTIONS, "adapt": "none"})[-1]
    assert "--adapt retrain" in label["command"]


def test_a_run_that_went_on_can_be_ended_in_time(run: dict[str, Any]) -> None:
    *_, again = next_steps(run | {"should_have_stopped": 2, "label_next": None}, OPTIONS)
    assert again["text"] == "Do it again and end where a stop rule holds: after round 2."
    assert again["command"].endswith("--output_dir 'my runs/loop-stopped' --stop_early")


def test_where_a_person_is_waited_for_the_same_command_goes_on(run: dict[str, Any]) -> None:
    [step] = next_steps(run | {"waiting_for": "loop/round-2/decisions.jsonl"}, OPTIONS)
    assert "into loop/round-2/decisions.jsonl goes a line for each" in step["text"]
    assert step["command"] == (
        "rewardsmith iterate embedded/world --labels gold --output_dir 'my runs/loop' --no_stop_early"
    )


def test_no_better_round_is_not_recommended(run: dict[str, Any]) -> None:
    for best in (0, None):
        assert next_steps(run | {"best_round": best, "label_next": None}, OPTIONS) == []
