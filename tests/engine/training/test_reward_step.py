"""The reward step: what a batch of pairs costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from given_rewards import GivenRewards, reads_its_reward

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.reward_step import RewardStep


def batch_of(rewards: list[tuple[float, float]], **columns: list[float]) -> PairBatch:
    """A batch whose only token is the reward itself."""
    chosen, rejected = zip(*rewards, strict=True)
    ones = [1.0] * len(rewards)
    weight = torch.tensor(columns.get("weight", ones))
    return PairBatch(
        inputs=GivenRewards(torch.tensor([*chosen, *rejected])),
        target=torch.tensor(columns.get("target", ones)),
        margin=torch.tensor(columns.get("margin", [0.0] * len(rewards))),
        weight=weight,
        total_weight=float(weight.sum()),
        indices=np.arange(len(rewards)),
    )


def test_equal_rewards_cost_log_two_and_a_margin_costs_more() -> None:
    output = RewardStep().loss(reads_its_reward, batch_of([(1.0, 1.0), (1.0, 1.0)], margin=[0.0, 2.0]))
    assert output.item_losses.tolist() == pytest.approx([math.log(2), math.log(1 + math.exp(2))])
    assert output.loss.item() == pytest.approx(output.item_losses.mean().item())


def test_loss_is_a_share_of_the_whole_step() -> None:
    batch = batch_of([(1.0, 0.0), (0.0, 0.5)], weight=[1.0, 3.0])
    half = replace(batch, total_weight=8.0)
    assert RewardStep().loss(reads_its_reward, half).loss.item() == pytest.approx(
        RewardStep().loss(reads_its_reward, batch).loss.item() / 2
    )


def test_centring_adds_the_squared_sum() -> None:
    batch = batch_of([(2.0, 1.0)])
    plain, centred = RewardStep().loss(reads_its_reward, batch), RewardStep(0.01).loss(reads_its_reward, batch)
    assert (centred.loss - plain.loss).item() == pytest.approx(0.01 * 9)


def test_metrics_are_means_over_pairs_with_ties_apart() -> None:
    batch = batch_of([(2.0, 1.0), (0.0, 3.0), (1.0, 1.0), (5.0, 1.0), (0.0, 1.0)], target=[1.0, 1.0, 1.0, 0.5, 0.0])
    totals = {name: float(value) for name, value in RewardStep().loss(reads_its_reward, batch).totals.items()}
    metrics = RewardStep().metrics(totals)
    assert metrics["accuracy"] == pytest.approx(2 / 3)  # right, wrong, and right again by a target of 0
    assert metrics["gap_mean"] == pytest.approx((1 - 3 + 0 + 4 - 1) / 5)
    assert metrics["mean_reward"] == pytest.approx(15 / 10)
    assert metrics["within_prompt_std"] == pytest.approx(math.sqrt((1 + 9 + 0 + 16 + 1) / 5) / 2)
    assert metrics["loss"] == pytest.approx(float(RewardStep().loss(reads_its_reward, batch).loss))


def test_copies_of_weight_zero_count_nowhere() -> None:
    batch = batch_of([(2.0, 1.0), (9.0, 1.0)], weight=[1.0, 0.0])
    totals = RewardStep().loss(reads_its_reward, batch).totals
    assert (totals["num_pairs"], totals["num_correct"], totals["gap"], totals["reward"]) == (1, 1, 1.0, 3.0)


def test_accuracy_of_ties_alone_is_unknown() -> None:
    totals = {name: float(v) for name, v in RewardStep().loss(reads_its_reward, batch_of([(1.0, 1.0)])).totals.items()}
    assert RewardStep().metrics(totals)["accuracy"] is None
