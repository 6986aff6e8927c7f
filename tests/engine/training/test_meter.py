"""What a run counts, and the time it takes."""

from __future__ import annotations

import time

import pytest
import torch

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.meter import Meter
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import StepOutput

SUMS = ("weighted_loss", "weight", "num_clear", "num_correct", "gap", "squared_gap", "reward")


def test_time_in_a_pause_is_no_time_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    meter = Meter(RewardStep(), make_accelerator("cpu"))
    now += 2
    with meter.paused():
        now += 50
    now += 3
    totals = {**dict.fromkeys(SUMS, torch.tensor(1.0)), "num_pairs": torch.tensor(10), "num_tokens": torch.tensor(100)}
    meter.add([StepOutput(torch.zeros(()), torch.zeros(1), totals)])
    line = meter.read(step=1)
    assert (line["pairs_per_s"], line["tokens_per_s"], meter.seconds) == (2, 20, 5)
