"""The step of a forked ensemble: losses, clipping and clocks of every member its own, in passes that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.members.forked_batches import ForkedBatch, StoredStates
from rewardsmith.engine.members.member_optimizer import MemberAdamW
from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.models.members.forked_model import ForkedModel
from rewardsmith.objectives.noise_aware import believed_target
from rewardsmith.objectives.preference import centering_loss, preference_loss, weighted_mean

TINY = 1e-30  # a weight far below that of any pair


class ForkedStep(Step):
    """Bradley-Terry for all members at once. A member that learns from no pair of a step sits it out."""

    counted: ClassVar[tuple[str, ...]] = ("pairs", "tokens")
    shown: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "pairs_per_s")

    def __init__(
        self, forked: ForkedModel, optimizer: MemberAdamW, states: StoredStates, center_rewards_coefficient: float = 0.0
    ) -> None:
        self._forked, self._optimizer, self._states = forked, optimizer, states
        self._center = center_rewards_coefficient

    def gradient(self, model: Any, batches: Sequence[ForkedBatch], accelerator: Accelerator) -> list[StepOutput]:
        """The trunk once for each batch, then as many passes as its members need."""
        active = torch.zeros(self._forked.num_members, dtype=torch.bool)
        outputs = []
        for batch in batches:
            active[batch.members[batch.total_weight > 0]] = True
            moved = batch.to(accelerator.device)
            states = states_of(self._forked, moved, self._states, accelerator)
            passes = []
            for part in moved.passes():
                output = self.loss(model, part, states)
                accelerator.backward(output.loss)
                passes.append(output)
            outputs.append(_joined(passes, batch))
        self._optimizer.active = active
        return outputs

    def loss(self, model: Any, batch: ForkedBatch, states: Tensor | None = None) -> StepOutput:
        """One pass through what lies above the fork."""
        chosen, rejected = model(batch.inputs, batch.members, states).chunk(2, dim=-1)
        gap = chosen - rejected
        per_pair = member_loss(gap, batch)
        if self._center:
            per_pair = per_pair + self._center * centering_loss(chosen, rejected)
        loss = weighted_mean(per_pair, batch.weight, batch.total_weight).sum()
        weight, per_pair = batch.weight, per_pair.detach()
        agreement = torch.sign(gap.detach()) * torch.sign(batch.target - 0.5) * (weight > 0)  # 0: a tie of either
        totals = {
            "weighted_loss": torch.where(weight > 0, per_pair * weight, 0.0).sum(),
            "weight": weight.sum(),
            "num_clear": agreement.abs().sum(),
            "num_correct": (agreement > 0).sum(),
        }
        return StepOutput(loss, per_pair, totals)

    def clip(self, model: Any, max_norm: float, accelerator: Accelerator) -> Tensor:
        """Each member's gradient for itself; gives the mean norm of those that take the step."""
        norms = self._optimizer.clip(max_norm)
        return norms.sum() / self._optimizer.active.sum().clamp(min=1).to(norms)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the pairs of all members."""
        return {
            "loss": totals["weighted_loss"] / max(TINY, totals["weight"]),
            "accuracy": totals["num_correct"] / max(1.0, totals["num_clear"]),
        }


def states_of(forked: ForkedModel, batch: ForkedBatch, stored: StoredStates, accelerator: Accelerator) -> Tensor:
    """What enters the fork, stored or computed; of a batch that comes back it is stored. The batch is on its device."""
    states = stored.take(batch)
    if states is None:
        with accelerator.autocast():
            states = forked.lower_states(batch.inputs)
        if batch.comes_back:
            stored.keep(batch, states)
    return states


def _joined(passes: Sequence[StepOutput], batch: ForkedBatch) -> StepOutput:
    totals = {name: sum((one.totals[name] for one in passes), torch.zeros(())) for name in passes[0].totals}
    totals |= {"num_pairs": torch.tensor(len(batch.indices)), "num_tokens": torch.tensor(batch.inputs.num_tokens)}
    loss = torch.stack([one.loss.detach() for one in passes]).sum()
    return StepOutput(loss, torch.cat([one.item_losses for one in passes]), totals)


def member_loss(gap: Float[Tensor, "m B"], batch: ForkedBatch) -> Float[Tensor, "m B"]:
    """Cost of each pair, at the target that is believed where labels are known to err."""
    if batch.error_rates is None:
        return preference_loss(gap, batch.target, batch.margin)
    shifted = gap.detach().float() - batch.margin
    believed = believed_target(shifted, batch.target, *batch.error_rates.unbind(-1))
    return preference_loss(gap, believed, batch.margin)
