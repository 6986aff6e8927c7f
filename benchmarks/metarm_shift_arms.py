"""What can be done with unlabelled samples of a shifted distribution (see metarm_shift.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float
from metarm_shift_network import Network, Rows, ShiftSource
from metarm_shift_record import Shift
from torch import Tensor
from torch.nn.functional import cosine_similarity, dropout, logsigmoid

from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import train
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.models.layers.heads import RewardOutput

NUM_MEMBERS, VIEW_DROPOUT = 4, 0.1


class Plain(RewardStep):
    """The samples are there and nobody looks."""

    def gradient(self, model: Any, batches: Sequence[Any], accelerator: Accelerator) -> list[StepOutput]:
        return super().gradient(model, batches[1:], accelerator)


class OffScale(MetaStep):
    """J's gradient without the part of each tensor that lies along the tensor itself, and so scales rewards."""

    def _climb(self, model: Any, batches: Sequence[SampleBatch], accelerator: Accelerator) -> Any:
        found = super()._climb(model, batches, accelerator)
        for weight in model.parameters():
            along = (weight.grad * weight).sum() / weight.square().sum().clamp_min(1e-12)
            weight.grad -= along * weight.detach()
        return found


@dataclass(frozen=True)
class Beside(RewardStep):
    """The preference loss, and a second loss that reads the samples."""

    weight: float = 1.0

    def gradient(self, model: Any, batches: Sequence[Any], accelerator: Accelerator) -> list[StepOutput]:
        samples, pairs = batches
        output = model(pairs.inputs)
        cost = self.cost(output, pairs)
        loss = cost.loss + self.weight * self.second(model, samples, output)
        accelerator.backward(loss)
        return [replace(cost, loss=loss.detach())]

    def second(self, model: Any, samples: SampleBatch, output: RewardOutput) -> Tensor:
        raise NotImplementedError


class SelfTraining(Beside):
    """Of the pairs of samples of which plain training was surest, the more certain half; its verdict is the label."""

    def second(self, model: Any, samples: SampleBatch, output: RewardOutput) -> Tensor:
        said, gap = (gaps(values) for values in (samples.gold, samples.by_prompt(model(samples.inputs).rewards)))
        sure = said.abs() >= said.abs().median()
        return -logsigmoid(gap[sure] * said[sure].sign()).mean()


class TwoViews(Beside):
    """The gaps between samples should point the same way whichever features are dropped: 1 - their cosine."""

    def second(self, model: Any, samples: SampleBatch, output: RewardOutput) -> Tensor:
        one, other = (gaps(samples.by_prompt(model(_dropped(samples.inputs)).rewards)) for _ in range(2))
        return 1 - cosine_similarity(one, other, dim=0)


class Coral(Beside):
    """States of samples and of preferences should have the same mean and covariance (Sun and Saenko 2016)."""

    def second(self, model: Any, samples: SampleBatch, output: RewardOutput) -> Tensor:
        one, other = output.states, model(samples.inputs).states
        size = one.detach().var(0).sum()
        means = (one.mean(0) - other.mean(0)).square().sum() / size
        return means + (one.T.cov() - other.T.cov()).square().sum() / size.square()


def gaps(rewards: Float[Tensor, "m k"]) -> Float[Tensor, " pairs"]:
    first, second = torch.triu_indices(rewards.shape[1], rewards.shape[1], 1)
    return (rewards[:, first] - rewards[:, second]).flatten()


def _dropped(inputs: Any) -> Rows:
    return Rows(dropout(inputs.values, VIEW_DROPOUT))


def meta(kind: type[MetaStep] = MetaStep, **options: Any) -> Callable[[float], Step]:
    def make(size: float) -> Step:
        chosen = MetaOptions(meta_dataset="samples", meta_step_size=size, **options)
        return kind(RewardStep(), chosen, lambda module: list(module.head.parameters()))

    return make


FAMILIES: dict[str, tuple[Callable[[float], Step], tuple[float, ...]]] = {
    "spread": (meta(), (0.001, 0.003, 0.01, 0.03, 0.1)),
    "standardised": (meta(meta_objective="standardised"), (0.001, 0.003, 0.01, 0.03, 0.1)),
    "opposite": (meta(meta_direction="opposite"), (0.01, 0.03, 0.1)),
    "opposite standardised": (meta(meta_objective="standardised", meta_direction="opposite"), (0.03,)),
    "off the scale": (meta(OffScale), (0.03, 0.1)),
    "two views": (lambda weight: TwoViews(weight=weight), (0.03, 0.1)),
    "self-training": (lambda weight: SelfTraining(weight=weight), (0.1, 0.3)),
    "CORAL": (lambda weight: Coral(weight=weight), (0.03, 0.1)),
    "own responses": (meta(), (0.03, 0.1)),
    "weight decay": (lambda _: Plain(), (0.3, 1.0, 3.0)),
}
"""Step and sizes (or weights of the second loss, or AdamW's decay) of each kind of arm; size 0 is plain training. The
last two need no samples: `own responses` moves the weights by the responses of the preferences themselves."""
PLAIN, ENSEMBLE = "plain", "ensemble"
ARMS = (PLAIN, ENSEMBLE, *(f"{family} {size:g}" for family, (_, sizes) in FAMILIES.items() for size in sizes))

Reward = Callable[[Tensor], Tensor]


def trained(arm: str, shift: Shift, seed: int, options: TrainOptions) -> Reward:
    """All arms of a seed have the same first weights and order; those of the ensemble but one have others."""

    def run(step: Step, weights: int = seed, teacher: Reward = unknown) -> Reward:
        accelerator, network = make_accelerator("cpu"), Network(shift.chosen.shape[1], weights)
        torch.manual_seed(seed)
        train(network, ShiftSource(shift, seed, teacher), step, options, accelerator, quiet=True)
        return network.rewards

    if arm == ENSEMBLE:
        members = [run(Plain(), seed + 1000 * i) for i in range(NUM_MEMBERS)]
        return lambda values: torch.stack([member(values) for member in members]).mean(0)
    if arm == PLAIN:
        return run(Plain())
    family, size = arm.rsplit(" ", 1)
    step = FAMILIES[family][0](float(size))
    if family == "self-training":
        return run(step, teacher=run(Plain()))
    if family == "own responses":
        shift = replace(shift, samples=torch.stack([shift.chosen, shift.rejected], dim=1))
    if family == "weight decay":
        options = replace(options, weight_decay=float(size))
    return run(step)


def unknown(values: Float[Tensor, "... D"]) -> Float[Tensor, ...]:
    """No teacher has said anything of the samples."""
    return torch.full(values.shape[:-1], torch.nan)
