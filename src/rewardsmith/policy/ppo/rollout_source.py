"""The source of PPO: roll-outs with the newest weights, each yielded several times over, in minibatches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training.subject import Source
from rewardsmith.objectives.policy import mean_weights
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.ppo.kl_control import next_coefficient
from rewardsmith.policy.rollouts.figures import write_samples
from rewardsmith.policy.rollouts.maker import RolloutMaker, permutation
from rewardsmith.policy.rollouts.rollout import Rollout

REFERENCE = "reference."


@dataclass(frozen=True)
class RolloutBatch:
    """Responses of one micro-batch."""

    rollout: Rollout
    weights: Float[Tensor, "N R"]
    """Of their tokens in the mean of the optimiser step."""
    learns_policy: bool
    """False while the critic alone learns."""

    def to(self, device: torch.device) -> RolloutBatch:
        return RolloutBatch(self.rollout.to(device), self.weights.to(device), self.learns_policy)


class RolloutSource(Source):
    """Steps of PPO for an ``ActorCritic``. A resumed run goes on within a roll-out, or draws the next one as it was."""

    items: ClassVar[str] = "responses"
    rates: ClassVar[tuple[str, str]] = ("policy_learning_rate", "policy_max_grad_norm")

    def __init__(
        self,
        maker: RolloutMaker,
        options: PolicyOptions,
        accelerator: Accelerator,
        seed: int = 0,
        samples: MetricsLog | None = None,
    ) -> None:
        """``samples``: where some responses of each roll-out are written, to be read."""
        self.num_steps = options.num_steps
        self._maker, self._options, self._accelerator = maker, options, accelerator
        self._seed, self._samples = seed, samples
        self._kl_coef = options.kl.kl_coef
        self._rollout: Rollout | None = None

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[RolloutBatch]]]:
        if self._samples is not None:
            self._samples.cut_back(done)
        options = self._options
        prompts_per_step = options.rollouts.prompts_per_rollout / options.steps_per_rollout
        for number in range(done, self.num_steps):
            rollout, place = divmod(number, options.steps_per_rollout)
            if place == 0:
                self._draw(model, rollout)
            yield (number + 1) * prompts_per_step / len(self._maker.prompts.tokens), self._minibatch(rollout, place)

    def names(self, batch: RolloutBatch, which: Tensor | None = None) -> list[str]:
        places = batch.rollout.places if which is None else batch.rollout.places[which]
        return [f"a response to prompt {place}" for place in places.tolist()]

    def state(self) -> dict[str, Tensor]:
        assert self._rollout is not None
        reference = {f"{REFERENCE}{name}": value for name, value in self._maker.reference.state().items()}
        kl_coef = torch.tensor(self._kl_coef, dtype=torch.float64)
        return {"next_kl_coef": kl_coef, **self._rollout.tensors(), **reference}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self._kl_coef = tensors["next_kl_coef"].item()
        self._rollout = Rollout.of_tensors(tensors)
        found = {name.removeprefix(REFERENCE): value for name, value in tensors.items() if name.startswith(REFERENCE)}
        self._maker.reference.load_state(found)

    def _draw(self, model: Any, number: int) -> None:
        model.eval()
        every = self._options.kl.reference_reset_rollouts
        if every and number and number % every == 0:
            self._maker.reference.reset(model.policy)
        self._rollout = rollout = self._maker.make(model, number, self._kl_coef)
        kl = float(rollout.kl.mean())
        self._kl_coef = next_coefficient(self._kl_coef, kl, len(rollout.places), self._options.kl)
        if self._samples is not None:
            first_step, most = number * self._options.steps_per_rollout + 1, self._options.samples_to_read
            write_samples(self._samples, rollout, self._maker.prompts, number, first_step, most)

    def _minibatch(self, number: int, place: int) -> list[RolloutBatch]:
        """This process's share of an optimiser step, in micro-batches of like lengths."""
        rollout, ppo = self._rollout, self._options.ppo
        assert rollout is not None
        epoch, part = divmod(place, ppo.num_minibatches)
        order = permutation(len(rollout.places), "minibatches", self._seed, number, epoch)
        step = order.tensor_split(ppo.num_minibatches)[part]
        mask = rollout.sequences.response_mask
        weights = torch.zeros(mask.shape)
        weights[step] = mean_weights(mask[step], ppo.loss_mean)
        learns_policy = number >= ppo.critic_warmup_rollouts
        return [
            RolloutBatch(rows := rollout.rows(index), weights[index, : rows.sequences.num_columns], learns_policy)
            for index in self._micro_batches(step, mask.sum(1), rollout.sequences.input_ids.shape[1])
        ]

    def _micro_batches(self, step: Tensor, lengths: Tensor, width: int) -> Sequence[Tensor]:
        """Rows of this process, in as many parts as every other one makes."""
        num_processes = self._accelerator.num_processes
        rows_per_pass = max(1, self._options.rollouts.rollout_max_tokens // width)
        largest, smallest = -(-len(step) // num_processes), len(step) // num_processes
        mine = step[self._accelerator.process_index :: num_processes]
        mine = mine[lengths[mine].argsort(descending=True, stable=True)]
        return mine.tensor_split(min(smallest, -(-largest // rows_per_pass)))
