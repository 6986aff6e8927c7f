"""The step of imitation: what demonstrations cost, and what is logged of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.objectives.imitation import gap_cost, implicit_gap
from rewardsmith.policy.imitation.demonstrations import whole_logprobs
from rewardsmith.policy.imitation.imitation_source import ImitationBatch
from rewardsmith.policy.imitation.options import ImitationOptions
from rewardsmith.policy.networks.actor_critic import PolicyOutput

PAIRED = ("accuracy", "gap_mean", "own_logprob")
"""What is logged where the policy answers."""


@dataclass(frozen=True)
class ImitationStep(Step):
    """Demonstrations beside own responses (`objectives/imitation.py`), or alone."""

    options: ImitationOptions
    counted: ClassVar[tuple[str, ...]] = ("demonstrations", "tokens")
    shown: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "demonstrations_per_s")

    def loss(self, model: Any, batch: ImitationBatch) -> StepOutput:
        sequences = batch.sequences
        output: PolicyOutput = model(sequences)
        logprobs = whole_logprobs(output, sequences)
        counts = batch.weights > 0
        mask, num = sequences.response_mask, len(counts)
        if self.options.imitation == "sft" or batch.old_logprobs is None:
            costs, paired = -logprobs, {}
        else:
            gap = implicit_gap(logprobs.view(2, -1), batch.old_logprobs, self.options.beta)
            costs = gap_cost(gap, self.options.imitation)
            right = (gap.detach() > 0) + 0.5 * (gap.detach() == 0)
            paired = dict(zip(PAIRED, (right, gap.detach(), logprobs.detach()[num:]), strict=True))
        entropy = output.entropy[:num].where(mask[:num], 0.0).sum(1)
        by_demonstration = {
            "loss": costs.detach(),
            "demonstration_logprob": logprobs.detach()[:num],
            "entropy": entropy,
            "num_demonstrated": mask[:num].sum(1),
            "num_tokens": mask.sum(1).view(-1, num).sum(0),
            **paired,
        }
        totals = {name: (values * counts).sum() for name, values in by_demonstration.items()}
        return StepOutput((costs * batch.weights).sum(), costs.detach(), {**totals, "num_demonstrations": counts.sum()})

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the demonstrations since the last line; of the entropy, over their tokens."""
        num = totals["num_demonstrations"]
        return {
            "loss": totals["loss"] / num,
            "demonstration_logprob": totals["demonstration_logprob"] / num,
            "entropy": totals["entropy"] / totals["num_demonstrated"],
            **{name: totals[name] / num if name in totals else None for name in PAIRED},
        }
