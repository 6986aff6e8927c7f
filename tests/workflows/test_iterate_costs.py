"""Forecasts of a loop: lines through two rounds in small, and the round before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewardsmith.contracts.metrics.iterate import StageNumbers
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.workflows.loop.costs import Costs, Expected, Spent, as_spent, extrapolated, in_words, scaled
from rewardsmith.workflows.loop.forecast import num_steps


def stage(seconds: float, tokens: int) -> StageNumbers:
    nothing: dict[str, Any] = {"forecast_s": None, "forecast_tokens": None, "forecast_gib": None}
    return {"stage": "improve", "seconds": seconds, "tokens": tokens, "memory_gib": 0.5, **nothing}  # type: ignore[typeddict-item]


def test_seconds_are_a_line_through_two_rounds_in_small() -> None:
    work: list[dict[Any, float]] = [{"improve": 1}, {"improve": 3}]
    found = extrapolated([[stage(3.0, 100)], [stage(5.0, 300)]], work, {"improve": 101})
    assert found["improve"] == Expected(103.0, 10_100, 0.5)  # two seconds at the start, and one for each roll-out


def test_where_the_larger_was_quicker_each_piece_counts_for_all() -> None:
    work: list[dict[Any, float]] = [{"improve": 1}, {"improve": 3}]
    found = extrapolated([[stage(6.0, 300)], [stage(5.1, 300)]], work, {"improve": 30})
    assert found["improve"].seconds == pytest.approx(51.0) and found["improve"].tokens == 3000


def test_a_round_is_as_the_one_before_times_the_work() -> None:
    found = scaled(as_spent([stage(4.0, 10)]), {"improve": 1.5})  # type: ignore[dict-item]
    assert found == {"improve": Expected(6.0, 15, 0.5)} and in_words(found) == "improve 6.0 s"


def test_costs_are_kept_with_their_forecast_and_count_earlier_sittings(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    Costs(path, "cpu", {"sample": Expected(2.0, 5, 0.5)}).measured("sample", lambda: Spent(7))
    Costs(path, "cpu", {}).measured("improve", lambda: Spent(9, seconds_before=100.0))
    sample, improve = Costs(path, "cpu", {}).stages
    assert (sample["forecast_s"], sample["forecast_tokens"], sample["tokens"]) == (2.0, 5, 7)
    assert improve["forecast_s"] is None and 100 <= improve["seconds"] < 101


def test_steps_of_a_training() -> None:
    assert num_steps(TrainOptions(per_device_train_batch_size=32, num_train_epochs=2.0), 1800) == 113
    assert num_steps(TrainOptions(max_steps=7), 1800) == 7
