from __future__ import annotations

from typing import Any

from rewardsmith.report.iterate.cost_table import cost_rows


def test_times_have_their_forecast_beside_them_where_there_was_one(run: dict[str, Any]) -> None:
    sample, *_, every = cost_rows(run)
    assert sample.rounds == ("11 s", "11 s (12 s)", "11 s (12 s)")
    assert sample.total == "33 s"  # round 1 had none
    run["rounds"] = run["rounds"][1:]
    assert cost_rows(run)[0].tokens == "66,000 (68,200)"
    assert cost_rows(run)[0].memory == "0.9 GiB (0.9 GiB)"
    assert (every.stage, every.total, every.memory) == ("all", "5 min 42 s", "0.9 GiB")
    assert every.tokens == "1,026,000"


def test_a_stage_that_a_round_did_not_have_is_a_dash(run: dict[str, Any]) -> None:
    run["rounds"][1]["stages"] = [each for each in run["rounds"][1]["stages"] if each["stage"] != "adapt"]
    adapt = next(row for row in cost_rows(run) if row.stage == "adapt the reward model")
    assert adapt.rounds[1] == "\N{EN DASH}"
    assert "label" not in [row.stage for row in cost_rows(run)]
