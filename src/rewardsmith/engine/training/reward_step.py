"""The reward step: what a batch of pairs costs, with target, margin and weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.batch_margin import BatchMargin
from rewardsmith.engine.training.corrections.correction import Correction, Seen
from rewardsmith.engine.training.corrections.data_smoothing import DataSmoothing
from rewardsmith.engine.training.corrections.noise_aware import NoiseAware
from rewardsmith.engine.training.corrections.norm_bt import NormBT
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.models.layers.heads import RewardOutput
from rewardsmith.objectives.preference import centering_loss, preference_loss, weighted_mean


@dataclass(frozen=True)
class RewardStep(Step):
    """Bradley-Terry with target, margin and weight, and centring (`objectives/preference.py`)."""

    center_rewards_coefficient: float = 0.0
    corrections: tuple[Correction, ...] = ()
    """Applied in this order. What is logged as accuracy goes by the labels as given."""
    counted: ClassVar[tuple[str, ...]] = ("pairs", "tokens")
    shown: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "pairs_per_s")

    def labels(self, given: EncodedPairs) -> EncodedPairs:
        """The pairs with the labels that they have now, where some correction changes them for good."""
        for correction in self.corrections:
            given = correction.relabelled(given)
        return given

    def loss(self, model: Any, batch: PairBatch) -> StepOutput:
        """One forward pass over both responses of all pairs."""
        return self.cost(model(batch.inputs), batch)

    def cost(self, output: RewardOutput, batch: PairBatch) -> StepOutput:
        """What the pairs of a batch cost by what the model gives for them. All views of a pair count alike."""
        chosen, rejected = batch.by_pair(output.rewards)
        gap = chosen - rejected
        seen = Seen(gap.detach().mean(0), batch.by_pair(output.states.detach()))
        learned = batch
        for correction in self.corrections:
            learned = correction.apply(learned, seen)
        per_view = preference_loss(gap, learned.target, learned.margin)
        if self.center_rewards_coefficient:
            per_view = per_view + self.center_rewards_coefficient * centering_loss(chosen, rejected)
        per_pair = per_view.mean(0)
        loss = weighted_mean(per_pair, learned.weight, batch.total_weight)
        totals = _totals(chosen.detach().mean(0), rejected.detach().mean(0), per_pair.detach(), batch)
        for correction in self.corrections:
            totals[correction.metric] = correction.observe(batch, learned, seen)
        return StepOutput(loss, per_pair.detach(), totals)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the pairs: loss by weight, the others with every pair counting once."""
        num_pairs, num_clear = totals["num_pairs"], totals["num_clear"]
        return {
            "loss": totals["weighted_loss"] / totals["weight"],
            "accuracy": totals["num_correct"] / num_clear if num_clear else None,
            "gap_mean": totals["gap"] / num_pairs,
            "mean_reward": totals["reward"] / (2 * num_pairs),
            "within_prompt_std": math.sqrt(totals["squared_gap"] / num_pairs) / 2,
            **{correction.metric: totals[correction.metric] / num_pairs for correction in self.corrections},
        }

    def finish(self, accelerator: Accelerator) -> None:
        """Corrections change between steps only."""
        for correction in self.corrections:
            correction.finish(accelerator)

    def state(self) -> dict[str, Tensor]:
        return {name: tensor for correction in self.corrections for name, tensor in correction.state().items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        for correction in self.corrections:
            correction.load_state(tensors)


def reward_step(pairs: EncodedPairs, options: TrainOptions) -> RewardStep:
    """The step that the options ask for. Pairs with error rates are learned by a loss that knows them."""
    corrections: list[Correction] = []
    if options.data_smoothing:
        corrections.append(DataSmoothing(pairs.target, options.data_smoothing))
    if pairs.error_rates is not None:
        corrections.append(NoiseAware(pairs.error_rates))
    if options.batch_margin:
        corrections.append(BatchMargin(options.batch_margin))
    if options.norm_bt:
        corrections.append(NormBT())
    return RewardStep(options.center_rewards_coefficient, tuple(corrections))


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
        "squared_gap": ((chosen - rejected).square() * counts).sum(),
        "reward": ((chosen + rejected) * counts).sum(),
        "num_tokens": torch.tensor(batch.inputs.num_tokens, device=chosen.device),
    }
