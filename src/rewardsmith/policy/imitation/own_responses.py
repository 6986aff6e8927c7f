"""What a policy itself answers to the prompts of demonstrations, and how likely it then found both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import gather_object  # type: ignore[import-untyped]
from jaxtyping import Float, Int
from torch import Tensor

from rewardsmith.engine.training.accelerators import computes_in_bf16
from rewardsmith.models.counter_random import number_of
from rewardsmith.policy.imitation.demonstrations import Demonstrations, Rows, Tokens, whole_logprobs
from rewardsmith.policy.networks.sequences import padded
from rewardsmith.policy.rollouts.maker import NO_TOKEN
from rewardsmith.sampling.drawing import Drawing
from rewardsmith.sampling.options import SamplingOptions
from rewardsmith.sampling.token_choice import TokenChoice
from rewardsmith.tokens.batching import length_sorted_batches


@dataclass(frozen=True)
class OwnResponses:
    """To n demonstrations, by the policy that is pi_old until the next ones are drawn: no copy of it is kept."""

    rows: Int[Tensor, " n"]
    """Which demonstrations; ascending."""
    responses: Int[Tensor, "n R"]
    """``NO_TOKEN`` behind the last token."""
    logprobs: Float[Tensor, "2 n"]
    """Of the demonstrations and of the own responses, by pi_old."""

    def tensors(self) -> dict[str, Tensor]:
        return {"rows": self.rows, "responses": self.responses, "logprobs": self.logprobs}

    @cached_property
    def tokens(self) -> dict[int, Tokens]:
        """By demonstration."""
        written = (row[row != NO_TOKEN].tolist() for row in self.responses)
        return dict(zip(self.rows.tolist(), written, strict=True))

    def logprobs_of(self, rows: Rows) -> Float[Tensor, "2 m"]:
        return self.logprobs[:, torch.searchsorted(self.rows, torch.from_numpy(rows))]


class Responder:
    """Answers with the newest weights; each response is a function of them, the seed, the round and the demonstration.

    Processes share the work and the result.
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        sampling: SamplingOptions,
        max_tokens: int,
        accelerator: Accelerator,
        seed: int,
    ) -> None:
        self._demonstrations, self._max_tokens = demonstrations, max_tokens
        self._accelerator, self._seed = accelerator, seed
        self._choice, self._longest = TokenChoice(sampling.settings()), sampling.max_new_tokens

    @torch.no_grad()
    def answer(self, model: Any, rows: Rows, round_number: int) -> OwnResponses:
        """``model``: an ``ActorCritic`` in evaluation mode. ``rows``: ascending."""
        mine = rows[self._accelerator.process_index :: self._accelerator.num_processes]
        own = self._drawn(model.policy, mine, round_number)
        found = sorted(gather_object(list(self._read(model, mine, own))))  # by row
        _, written, *logprobs = zip(*found, strict=True)
        responses, _ = padded(written, NO_TOKEN, on_left=False)
        return OwnResponses(torch.from_numpy(rows), responses, torch.tensor(logprobs))

    def _drawn(self, policy: Any, rows: Rows, round_number: int) -> dict[int, Tokens]:
        """A response to each prompt, with the token that ended it."""
        given = self._demonstrations
        bf16 = computes_in_bf16(self._accelerator)
        drawing = Drawing(policy, self._choice, given.ends, given.pad_id, self._longest, bf16)
        prompts = [given.prompts[row] for row in rows]
        drawn: dict[int, Tokens] = {}
        for places in drawing.batches(prompts, self._max_tokens):
            asked = rows[places].tolist()
            seeds = [number_of("own response", self._seed, round_number, row) for row in asked]
            written = drawing.draw([given.prompts[row] for row in asked], seeds)
            drawn |= {row: one.ids for row, one in zip(asked, written, strict=True)}
        return drawn

    def _read(self, model: Any, rows: Rows, own: dict[int, Tokens]) -> Iterator[tuple[int, Tokens, float, float]]:
        """Of each row the own response, and the log-probabilities of demonstration and own response."""
        sizes = np.array(self._demonstrations.num_tokens(rows, own))
        for places in length_sorted_batches(sizes, self._max_tokens) if len(rows) else []:
            some = rows[places]
            sequences = self._demonstrations.sequences(some, own).to(self._accelerator.device)
            demonstrated, written = whole_logprobs(model(sequences), sequences).view(2, -1).tolist()
            responses = [own[row] for row in some.tolist()]
            yield from zip(some.tolist(), responses, demonstrated, written, strict=True)
