"""The source of imitation: demonstrations in steps, beside what the policy answered at the beginning of a round."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any, ClassVar

import numpy as np
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.shares import share_of
from rewardsmith.engine.training.pair_source import steps_of_epoch
from rewardsmith.engine.training.subject import Source
from rewardsmith.errors import ConfigError
from rewardsmith.policy.imitation.demonstrations import Demonstrations, Rows
from rewardsmith.policy.imitation.options import ImitationTrainingOptions
from rewardsmith.policy.imitation.own_responses import OwnResponses, Responder
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.tokens.batching import length_sorted_batches


@dataclass(frozen=True)
class ImitationBatch:
    """n demonstrations of one micro-batch."""

    sequences: Sequences
    """Demonstrations; where the policy answers, its responses to the same prompts behind them."""
    old_logprobs: Float[Tensor, "2 n"] | None
    """Of both, by the policy that answered."""
    weights: Float[Tensor, " n"]
    """In the mean of the optimiser step; 0: a copy that fills up."""
    rows: Rows

    def to(self, device: torch.device) -> ImitationBatch:
        old = None if self.old_logprobs is None else self.old_logprobs.to(device)
        return replace(self, sequences=self.sequences.to(device), old_logprobs=old, weights=self.weights.to(device))


class ImitationSource(Source):
    """Steps for an ``ActorCritic``. Rounds are parts of the run, as even as steps allow.

    A checkpoint holds the own responses of the round with their log-probabilities, which is all of pi_old that is
    asked for again.
    """

    items: ClassVar[str] = "demonstrations"

    def __init__(
        self,
        demonstrations: Demonstrations,
        responder: Responder | None,
        num_rounds: int,
        options: ImitationTrainingOptions,
        accelerator: Accelerator,
        seed: int,
    ) -> None:
        """``responder``: None for demonstrations alone."""
        per_step = options.demonstrations_per_step
        self.steps_per_epoch = ceil(len(demonstrations) / per_step)
        self.num_steps = max(1, ceil(self.steps_per_epoch * options.num_train_epochs))
        self._demonstrations, self._responder, self._accelerator = demonstrations, responder, accelerator
        self._max_tokens = options.max_tokens_per_batch
        self._begins = [self.num_steps * number // num_rounds for number in range(num_rounds)]
        self._own: OwnResponses | None = None
        lengths = np.zeros(len(demonstrations), dtype=np.int64)
        self._order = lru_cache(2)(lambda epoch: steps_of_epoch(lengths, per_step, seed, epoch, by_length=False))
        if num_rounds > self.num_steps:
            raise ConfigError(f"`num_rounds` {num_rounds}: the run has {self.num_steps} steps, and a round needs one.")

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[ImitationBatch]]]:
        for number in range(done, self.num_steps):
            if self._responder is not None and number in self._begins:
                model.eval()
                self._own = self._responder.answer(model, *self._round(number))
            yield (number + 1) / self.steps_per_epoch, self._batches(self._members(number))

    def names(self, batch: ImitationBatch, which: Tensor | None = None) -> list[str]:
        rows = batch.rows if which is None else batch.rows[which.cpu().numpy()]
        return [f"demonstration {self._demonstrations.places[row]}" for row in rows.tolist()]

    def state(self) -> dict[str, Tensor]:
        return {} if self._own is None else self._own.tensors()

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self._own = OwnResponses(**tensors)

    def _round(self, first_step: int) -> tuple[Rows, int]:
        """The demonstrations of the round that begins with a step, and its number."""
        number = bisect_right(self._begins, first_step) - 1
        end = [*self._begins, self.num_steps][number + 1]
        return np.unique(np.concatenate([self._members(step) for step in range(first_step, end)])), number

    def _members(self, number: int) -> Rows:
        epoch, place = divmod(number, self.steps_per_epoch)
        return self._order(epoch)[place]

    def _batches(self, members: Rows) -> list[ImitationBatch]:
        """This process's share of a step."""
        own = None if self._own is None else self._own.tokens
        sizes = np.array(self._demonstrations.num_tokens(members, own))
        parts = [members[places] for places in length_sorted_batches(sizes, self._max_tokens)]
        processes = self._accelerator.process_index, self._accelerator.num_processes
        return [
            ImitationBatch(
                self._demonstrations.sequences(rows, own),
                None if self._own is None else self._own.logprobs_of(rows),
                torch.full((len(rows),), counts / len(members)),
                rows,
            )
            for rows, counts in share_of(*processes, parts)
        ]
