"""Steps: a batch goes in, a loss and what is worth logging come out. The loop knows nothing else about an objective."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.correction import Correction
from rewardsmith.models.dropout import Dropout
from rewardsmith.objectives.preference import centering_loss, preference_loss, weighted_mean


@dataclass(frozen=True)
class StepOutput:
    """``loss`` is this batch's share of the whole optimiser step's loss: the shares of a step add up to it."""

    loss: Tensor
    per_pair_loss: Tensor
    """Detached, [B]: tells which pairs are at fault when a loss is not finite."""
    totals: dict[str, Tensor] = field(default_factory=dict)
    """Detached sums over the pairs of the batch; the loop adds them over batches and processes."""


class Step(Protocol):
    """The seam of the loop."""

    def begin(self, number: int) -> None:
        """Before the first micro-batch of an optimiser step, on every process."""
        ...

    def __call__(self, model: Any, batch: PairBatch) -> StepOutput:
        """Loss and totals of one micro-batch, with the graph for its gradient."""
        ...

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """What to log, from the totals of all batches since the last line."""
        ...

    def finish_step(self, accelerator: Any) -> None:
        """After each optimiser step, on every process."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What the step has learned besides the model's weights, for checkpoints; the same on all processes."""
        ...

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``."""
        ...


@dataclass(frozen=True)
class RewardStep:
    """Bradley-Terry with target, margin and weight, and centring (`objectives/preference.py`)."""

    center_rewards_coefficient: float = 0.0
    corrections: tuple[Correction, ...] = ()
    """Applied in this order. What is logged as accuracy goes by the labels as given."""
    dropout: Dropout | None = None
    """That of the module, which is told the number of each step."""

    def begin(self, number: int) -> None:
        """Dropout is another in every step."""
        if self.dropout is not None:
            self.dropout.begin(number)

    def __call__(self, model: Any, batch: PairBatch) -> StepOutput:
        """One forward pass over both responses of all pairs."""
        chosen, rejected = model(batch.inputs).rewards.chunk(2)
        gap = chosen - rejected
        learned = batch
        for correction in self.corrections:
            learned = correction.apply(learned, gap.detach())
        per_pair = preference_loss(gap, learned.target, learned.margin)
        if self.center_rewards_coefficient:
            per_pair = per_pair + self.center_rewards_coefficient * centering_loss(chosen, rejected)
        loss = weighted_mean(per_pair, batch.weight, batch.total_weight)
        totals = _totals(chosen.detach(), rejected.detach(), per_pair.detach(), batch)
        for correction in self.corrections:
            totals[correction.metric] = correction.observe(batch, learned, gap.detach())
        return StepOutput(loss, per_pair.detach(), totals)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the pairs: loss by weight, the others with every pair counting once."""
        num_pairs, num_clear = totals["num_pairs"], totals["num_clear"]
        return {
            "loss": totals["weighted_loss"] / totals["weight"],
            "accuracy": totals["num_correct"] / num_clear if num_clear else None,
            "gap_mean": totals["gap"] / num_pairs,
            "mean_reward": totals["reward"] / (2 * num_pairs),
            **{correction.metric: totals[correction.metric] / num_pairs for correction in self.corrections},
        }

    def finish_step(self, accelerator: Any) -> None:
        """Corrections change between steps only."""
        for correction in self.corrections:
            correction.finish_step(accelerator)

    def state(self) -> dict[str, Tensor]:
        """That of all corrections."""
        return {name: tensor for correction in self.corrections for name, tensor in correction.state().items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``."""
        for correction in self.corrections:
            correction.load_state(tensors)


reward_step = RewardStep()


def _totals(chosen: Tensor, rejected: Tensor, per_pair: Tensor, batch: PairBatch) -> dict[str, Tensor]:
    counts = batch.weight > 0  # copies of weight 0 fill the batches of some processes
    lean = torch.sign(batch.target - 0.5) * counts
    agreement = torch.sign(chosen - rejected) * lean  # 1 correct, -1 wrong, 0 a tie of rewards or of the label
    return {
        "num_pairs": counts.sum(),
        "weight": batch.weight.sum(),
        "weighted_loss": (per_pair * batch.weight).sum(),
        "num_clear": agreement.abs().sum(),
        "num_correct": (agreement > 0).sum(),
        "gap": ((chosen - rejected) * counts).sum(),
        "reward": ((chosen + rejected) * counts).sum(),
        "num_tokens": torch.tensor(batch.inputs.num_tokens, device=chosen.device),
    }
