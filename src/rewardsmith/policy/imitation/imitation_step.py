"""The step of imitation: what demonstrations cost, and what is logged of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.objectives.imitation import gap_cost, implicit_gap
from rewardsmith.policy.actor_critic import PolicyOutput
from rewardsmith.policy.imitation.demonstrations import whole_logprobs
from rewardsmith.policy.imitation.imitation_source import ImitationBatch
from rewardsmith.policy.imitation.options import ImitationOptions


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
            costs, pairs = -logprobs, {}
        else:
            gap = implicit_gap(logprobs.view(2, -1), batch.old_logprobs, self.options.beta)
            costs = gap_cost(gap, self.options.imitation)
            right = (gap.detach() > 0) + 0.5 * (gap.detach() == 0)
            pairs = {"num_right": right * counts, "gap": gap.detach() * counts, "own": logprobs.detach()[num:] * counts}
        entropy = output.entropy[:num].where(mask[:num], 0.0).sum(1)
        by_demonstration = {
            "num_demonstrations": counts,
            "cost": costs.detach() * counts,
            "logprob": logprobs.detach()[:num] * counts,
            "entropy": entropy * counts,
            "num_demonstrated": mask[:num].sum(1) * counts,
            **pairs,
        }
        totals = {name: values.sum() for name, values in by_demonstration.items()}
        totals["num_tokens"] = (mask.sum(1).view(-1, num) * counts).sum()
        return StepOutput((costs * batch.weights).sum(), costs.detach(), totals)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the demonstrations since the last line; of the entropy, over their tokens."""
        num = totals["num_demonstrations"]
        pairs = {"accuracy": "num_right", "gap_mean": "gap", "own_logprob": "own"}
        return {
            "loss": totals["cost"] / num,
            "demonstration_logprob": totals["logprob"] / num,
            "entropy": totals["entropy"] / totals["num_demonstrated"],
            **{name: totals[total] / num if total in totals else None for name, total in pairs.items()},
        }
