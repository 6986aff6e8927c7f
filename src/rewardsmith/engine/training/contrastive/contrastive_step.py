"""Contrastive reward modelling: the preference loss of two views, and a contrast of their states beside it.

    L = L_preference (mean of both views) + coefficient * L_contrast        (arXiv 2401.06080, section 3.1)

The contrast reads the states of all pairs of the optimiser step at once, each pair counting once whatever its weight,
so batches may be cut in any way (`joint_gradient.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.contrastive.contrast import Contrast, SimCSE
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions
from rewardsmith.engine.training.contrastive.state_watch import StateWatch
from rewardsmith.engine.training.contrastive.swav import SwAV
from rewardsmith.engine.training.joint_gradient import Rows, accumulate_jointly
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import RewardStep, reward_step
from rewardsmith.engine.training.subject import StepOutput
from rewardsmith.models.layers.heads import RewardOutput


@dataclass(frozen=True)
class ContrastiveStep(RewardStep):
    """A reward step on batches of two views, with a contrast. What is logged as loss is that of the preferences."""

    shown: ClassVar[tuple[str, ...]] = ("loss", "contrastive_loss", "accuracy", "pairs_per_s")
    contrast: Contrast = field(kw_only=True)
    coefficient: float = field(kw_only=True)
    watch: StateWatch = field(default_factory=StateWatch, kw_only=True)

    def gradient(self, model: Any, batches: Sequence[PairBatch], accelerator: Accelerator) -> list[StepOutput]:
        """That of both terms."""
        costs: list[Tensor] = []

        def objective(pairs: Tensor) -> Tensor:
            self.watch.look(pairs.detach(), num_runs=1 if len(batches) == 1 else 2)
            cost = self.contrast.cost(pairs)
            costs.append(cost.detach())
            return self.coefficient * cost

        outputs, _ = accumulate_jointly(
            model, batches, lambda model, batch: model(batch.inputs), _states, objective, self.cost, accelerator
        )
        share = torch.tensor(1 / accelerator.num_processes, device=accelerator.device)  # each of them has the whole
        outputs[0].totals.update(contrastive_loss=costs[0] * share, num_contrasts=share)
        return outputs

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Besides those of the preferences: the mean contrast of the steps, and how the newest one's states lie."""
        contrast = totals["contrastive_loss"] / totals["num_contrasts"]
        return {**super().metrics(totals), "contrastive_loss": contrast, **self.watch.figures()}

    def finish(self, accelerator: Accelerator) -> None:
        super().finish(accelerator)
        self.contrast.finish()

    def state(self) -> dict[str, Tensor]:
        return {**super().state(), **self.contrast.state()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        super().load_state(tensors)
        self.contrast.load_state(tensors)


def _states(output: RewardOutput, batch: PairBatch) -> Rows:
    """What the head reads, a row a pair: side by view. In float32, so that gradients are added up in it."""
    return Rows(batch.by_pair(output.states.float()).permute(2, 0, 1, 3), batch.weight > 0)


def contrastive_step(
    pairs: EncodedPairs,
    options: TrainOptions,
    contrastive: ContrastiveOptions,
    width: int,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> RewardStep:
    """The reward step of the options, with the contrast that is asked for. ``width``: D of the states."""
    plain = reward_step(pairs, options)
    on, temperature = contrastive.contrast_on, contrastive.temperature
    contrast: Contrast
    if contrastive.contrastive == "none":
        return plain
    if contrastive.contrastive == "simcse":
        contrast = SimCSE(on, temperature, contrastive.symmetric_contrast)
    else:
        queue_steps = contrastive.contrast_queue_steps
        contrast = SwAV(on, temperature, contrastive.prototypes, width, queue_steps, device, seed)
    return ContrastiveStep(
        plain.center_rewards_coefficient, plain.corrections, contrast=contrast, coefficient=contrastive.coefficient
    )
