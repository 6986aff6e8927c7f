"""MetaRM (arXiv 2401.06080, Algorithm 1): the gradient of an inner step, taken at weights that tell samples apart.

For each optimiser step: the gradient of J on unlabelled responses of the shifted distribution (Eq. 11), the weights
moved along it (Eq. 12), the inner step's gradient there (Eq. 13), and the weights as they were for the optimiser
(Eq. 14). Neither random numbers nor anything else than that gradient is left of the detour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.accelerators import computes_in_bf16
from rewardsmith.engine.training.joint_gradient import Rows, accumulate_jointly, same_draws_again
from rewardsmith.engine.training.meta.first_order import check_first_order
from rewardsmith.engine.training.meta.meta_figures import (
    Figures,
    figures_of_head,
    figures_of_rewards,
    gathered,
    meta_metrics,
)
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.perturbation import Perturbation
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import Step, StepOutput, accumulate
from rewardsmith.models.layers.heads import RewardOutput, core_of, output_layer
from rewardsmith.objectives.meta import differences, meta_objective


def head_of(module: Any) -> list[Tensor]:
    """Weight and bias of the layer whose output is the reward."""
    return list(output_layer(core_of(module.model)).parameters())


class MetaStep(Step):
    """An inner step at perturbed weights. Micro-batches are ``SampleBatch``es first, then those of the inner step.

    ``head``: the parameters of a module's linear head, for what is logged of it.
    """

    def __init__(
        self, inner: RewardStep, options: MetaOptions, head: Callable[[Any], Sequence[Tensor]] = head_of
    ) -> None:
        self.inner, self.options, self._head = inner, options, head
        self.counted, self.shown = inner.counted, inner.shown  # type: ignore[misc] # those of the inner step's class
        self._size = options.meta_step_size * (1 if options.meta_direction == "published" else -1)
        self._checked = not self._size

    def gradient(self, model: Any, batches: Sequence[Any], accelerator: Accelerator) -> list[StepOutput]:
        samples = [batch for batch in batches if isinstance(batch, SampleBatch)]
        pairs = [batch for batch in batches if not isinstance(batch, SampleBatch)]
        module = accelerator.unwrap_model(model)
        with same_draws_again(accelerator):
            outputs, rewards = self._climb(model, samples, accelerator)
            move = Perturbation(module, self._size, self.options.meta_step_unit)
            if not self._checked:
                self._check(move, model, samples, accelerator)
        figures = figures_of_rewards(*gathered(rewards, samples, accelerator))
        figures |= figures_of_head(move, self._head(module))
        move.apply()
        model.zero_grad()
        inner = self.inner.gradient(model, pairs, accelerator)
        if move.moves_anything:
            figures["meta_gradient_cosine"] = move.cosine()
        move.restore()
        return [_with_figures(outputs[0], figures, accelerator), *outputs[1:], *inner]

    def loss(self, model: Any, batch: Any) -> StepOutput:
        """That of the inner step, of its batches."""
        return self.inner.loss(model, batch)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        return {**self.inner.metrics(totals), **meta_metrics(totals)}

    def clip(self, model: Any, max_norm: float, accelerator: Accelerator) -> Tensor:
        return self.inner.clip(model, max_norm, accelerator)

    def finish(self, accelerator: Accelerator) -> None:
        self.inner.finish(accelerator)

    def labels(self, given: EncodedPairs) -> EncodedPairs:
        """The pairs with the labels that the inner step gives them."""
        return self.inner.labels(given)

    def state(self) -> dict[str, Tensor]:
        """That of the inner step."""
        return self.inner.state()

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.inner.load_state(tensors)

    def _climb(
        self, model: Any, batches: Sequence[SampleBatch], accelerator: Accelerator
    ) -> tuple[list[StepOutput], list[Float[Tensor, "m k"]]]:
        """Leaves the gradient of the objective in the parameters; gives the rewards as well."""
        seen: list[Tensor] = []

        def output(rewards: Float[Tensor, "m k"], batch: SampleBatch) -> StepOutput:
            per_prompt = differences(rewards)
            seen.append(rewards.detach())
            share = (per_prompt * batch.counts).sum() / batch.num_prompts
            num_tokens = torch.tensor(batch.inputs.num_tokens, device=rewards.device)
            return StepOutput(share, per_prompt.detach(), {"num_tokens": num_tokens})

        def run(model: Any, batch: SampleBatch) -> Float[Tensor, "m k"]:
            rewards: RewardOutput = model(batch.inputs)
            return batch.by_prompt(rewards.rewards)

        if self.options.meta_objective == "spread":  # a sum over micro-batches: one pass
            return accumulate(model, batches, lambda m, batch: output(run(m, batch), batch), accelerator), seen

        def silent(rewards: Float[Tensor, "m k"], batch: SampleBatch) -> StepOutput:
            found = output(rewards, batch)
            return replace(found, loss=found.loss.detach() * 0)

        outputs, _ = accumulate_jointly(
            model,
            batches,
            run,
            lambda rewards, batch: Rows(rewards, batch.counts),
            lambda rewards: meta_objective(rewards, self.options.meta_objective),
            silent,
            accelerator,
        )
        return outputs, seen

    def _check(self, move: Perturbation, model: Any, batches: Sequence[SampleBatch], accelerator: Accelerator) -> None:
        """Whether a step of this size moves the objective as its gradient says, in the precision of this run."""
        self._checked = True

        @torch.no_grad()
        def objective() -> float:
            with same_draws_again(accelerator), accelerator.no_sync(model):
                moved = [batch.to(accelerator.device) for batch in batches]
                rewards = [batch.by_prompt(model(batch.inputs).rewards) for batch in moved]
            every, _ = gathered(rewards, batches, accelerator)
            return float(meta_objective(every, self.options.meta_objective))

        check_first_order(move, objective, self.options, computes_in_bf16(accelerator))


def _with_figures(output: StepOutput, figures: Figures, accelerator: Accelerator) -> StepOutput:
    """Every process has the same figures, and the loop adds them up."""
    return replace(
        output, totals=output.totals | {name: value / accelerator.num_processes for name, value in figures.items()}
    )
