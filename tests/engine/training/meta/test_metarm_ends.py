"""Where Algorithm 1 ends: the gradient is taken in the minimum of the loss, the weights kept lie a step down J."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rewardsmith.engine.batches.model_inputs import PaddedInputs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import train
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import Source
from rewardsmith.models.layers.heads import RewardOutput
from rewardsmith.objectives.meta import meta_objective

GENERATOR = torch.Generator().manual_seed(0)
TRUTH = torch.tensor([1.2, 0.9])
PAIRS = torch.randn(200, 2, generator=GENERATOR)
SAMPLES = torch.randn(40, 4, 2, generator=GENERATOR) * torch.tensor([0.5, 1.2])
FEATURES = torch.cat([PAIRS, torch.zeros(1, 2), SAMPLES.flatten(0, 1)])
"""Of chosen responses, of the one that all of them were preferred to, and of the samples."""
SIZE = 0.1


class TwoWeights(nn.Module):
    """r(x) = w . x, where a conversation is one token: the number of its x."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 1, bias=False)
        nn.init.constant_(self.head.weight, 0.3)

    def forward(self, inputs: PaddedInputs) -> RewardOutput:
        x = FEATURES[inputs.tensors["input_ids"][:, 0]]
        return RewardOutput(self.head(x)[:, 0], x)


def conversations(numbers: Tensor) -> PaddedInputs:
    return PaddedInputs({"input_ids": numbers[:, None], "attention_mask": torch.ones(len(numbers), 1).long()})


class TheSameStep(Source):
    """All pairs, labelled with their true probabilities, and all samples."""

    num_steps = 30

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Any]]]:
        num, num_samples = len(PAIRS), len(SAMPLES)
        gold, all_count = torch.full(SAMPLES.shape[:2], torch.nan), torch.ones(num_samples, dtype=torch.bool)
        drawn = conversations(torch.arange(num + 1, len(FEATURES)))
        samples = SampleBatch(drawn, gold, all_count, num_samples, np.arange(num_samples))
        sides = conversations(torch.cat([torch.arange(num), torch.full((num,), num)]))
        target, ones = (PAIRS @ TRUTH).sigmoid(), torch.ones(num)
        pairs = PairBatch(sides, target, 0 * ones, ones, float(num), np.arange(num))
        for number in range(done, self.num_steps):
            yield number + 1.0, [samples, pairs]

    def names(self, batch: Any, which: Tensor | None = None) -> list[str]:
        return []


@cache
def end_of(size: float, direction: str = "published") -> Tensor:
    """The weights that are kept."""
    model = TwoWeights()
    options = MetaOptions("samples", meta_step_size=size, meta_direction=direction)  # type: ignore[arg-type]
    step = MetaStep(RewardStep(), options, lambda module: [module.head.weight])
    train(
        model,
        TheSameStep(),
        step,
        TrainOptions(lr_scheduler_type="constant", warmup_ratio=0.0, max_grad_norm=0.0, logging_steps=1000),
        make_accelerator("cpu"),
        optimizer=torch.optim.SGD(model.parameters(), lr=4.0),
        quiet=True,
    )
    return model.head.weight.detach()[0]


def spread(weights: Tensor) -> Tensor:
    return meta_objective(SAMPLES @ weights)


def slope(weights: Tensor) -> Tensor:
    weights = weights.clone().requires_grad_()
    return torch.autograd.grad(spread(weights), weights)[0]


@pytest.mark.parametrize(("direction", "sign"), [("published", 1), ("opposite", -1)])
def test_the_kept_weights_lie_one_step_from_the_minimum_on_the_other_side(direction: str, sign: int) -> None:
    kept, plain = end_of(SIZE, direction), end_of(0.0)
    torch.testing.assert_close(plain, TRUTH, rtol=0, atol=1e-3)
    up = slope(kept)
    torch.testing.assert_close(kept + sign * SIZE * kept.norm() * up / up.norm(), TRUTH, rtol=0, atol=1e-3)
    fallen = (spread(plain) - spread(kept)).item()
    first_order = sign * SIZE * (kept.norm() * slope(plain).norm()).item()
    assert fallen == pytest.approx(first_order, rel=0.15)  # the curvature of J is left out
