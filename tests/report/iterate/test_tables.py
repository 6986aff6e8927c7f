from __future__ import annotations

from typing import Any

from rewardsmith.report.iterate.tables import (
    MODEL_COLUMNS,
    key_numbers,
    known_columns,
    label_rows,
    match_rows,
    model_rows,
    policy_rows,
)


def test_policies_begin_with_the_first_and_the_best_is_marked(run: dict[str, Any]) -> None:
    rows = policy_rows(run)
    assert [row.name for row in rows] == ["first", "round 1", "round 2", "round 3"]
    assert [row.is_best for row in rows] == [False, False, True, False]
    assert (rows[0].against_last, rows[3].against_last) == ("\N{EN DASH}", "22% (15 to 29%)")
    assert (rows[3].kl, rows[3].perplexity) == ("17.5 / 19.2", "61.0")


def test_matches_are_those_with_the_first_policy_and_of_the_best_with_plain_rl(run: dict[str, Any]) -> None:
    rows = match_rows(run)
    assert [row.name for row in rows][2:] == ["round 3 against the first", "round 2 against round 1"]
    assert rows[1].shares == "66 / 5 / 29"
    assert rows[3].rate == "57% (50 to 64%)"
    assert len(match_rows(run | {"best_against_plain": None})) == 3
    assert len(match_rows(run | {"best_round": 0})) == 3  # that would be round 1 against the first, turned round


def test_reward_models_show_spread_beside_that_on_the_first_policy(run: dict[str, Any]) -> None:
    last = model_rows(run)[2]
    assert (last.spread, last.accuracy, last.num_pairs) == ("0.20 / 0.90", "49% (45 to 52%)", "2,200")
    assert last.judged == "\N{EN DASH}"
    run["rounds"][2]["reward_model"]["judge_accuracy"] = {"value": 0.6, "low": 0.5, "high": 0.7}
    assert model_rows(run)[2].judged == "60% (50 to 70%)"
    run["rounds"][2]["reward_model"] |= {"disagreement": None, "held_out_accuracy": None}
    assert (model_rows(run)[2].disagreement, model_rows(run)[2].held_out) == ("\N{EN DASH}", "\N{EN DASH}")


def test_fresh_labels_are_counted_by_round(run: dict[str, Any]) -> None:
    run["rounds"][0]["labels"] = None
    assert label_rows(run) == [("round 2", "200", "gold", "26%"), ("round 3", "200", "gold", "26%")]


def test_key_numbers_are_those_that_were_judged(run: dict[str, Any]) -> None:
    values = {number.label: number.value for number in key_numbers(run)}
    assert values == {
        "gold after round 2": "0.53",
        "win rate over the first policy": "68%",
        "win rate over plain RL": "57%",
        "reward model right, round 3": "49%",
        "KL to the first policy": "8.1",
    }
    last = {number.label: number.value for number in key_numbers(run | {"best_round": 0})}
    assert (last["gold after round 3"], last["win rate over the first policy"]) == ("0.31", "32%")
    assert "win rate over plain RL" not in last
    nothing = {"value": None, "low": None, "high": None}
    run["best_round"] = None
    run["rounds"][2]["reward_model"]["gold_accuracy"] = nothing
    run["rounds"][2]["policy"] |= {"gold": nothing, "against_first": None}
    values = {number.label: number.value for number in key_numbers(run)}
    assert values == {"gain in reward": "3.1", "perplexity": "61.0", "KL to the first policy": "17.5"}
    run["rounds"] = []
    assert key_numbers(run) == []


def test_columns_without_any_value_are_left_out(run: dict[str, Any]) -> None:
    def shown() -> list[str]:
        return list(known_columns(MODEL_COLUMNS, model_rows(run)))

    for each in run["rounds"]:
        each["reward_model"] |= {"disagreement": None, "held_out_accuracy": None}
    expected = ["num_pairs", "accuracy", "spread", "objective", "drift"]
    judged = run["rounds"][0]["reward_model"]["judge_accuracy"]
    for each in run["rounds"]:
        each["reward_model"]["judge_accuracy"] = dict.fromkeys(judged)
    assert shown() == expected
    run["rounds"][1]["reward_model"]["disagreement"] = 0.3
    assert shown() == [*expected, "disagreement"]
