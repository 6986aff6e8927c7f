"""Drawing responses, token by token, from a policy that runs here.

Each distinct prompt is read once for all responses to it, and a response that has ended leaves the batch at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.errors import ModelError, RunError
from rewardsmith.sampling.token_choice import TokenChoice
from rewardsmith.tokens.batching import length_sorted_batches

Ids = Sequence[int]


@dataclass(frozen=True)
class Drawn:
    """Tokens of one response, the end of turn included where the policy ended it."""

    ids: list[int]
    logprobs: list[float]
    """Of each under the policy itself at temperature 1, whatever the settings are."""
    ended: bool


@dataclass(frozen=True)
class Drawing:
    """A policy and how to draw from it."""

    model: Any
    """A causal language model in evaluation mode."""
    choice: TokenChoice
    ends: Collection[int]
    """Tokens of which each ends a response."""
    pad_id: int
    max_new_tokens: int
    bf16: bool = False

    def batches(self, prompts: Sequence[Ids], max_tokens: int) -> list[NDArray[np.int64]]:
        """Rows to be drawn together: prompts of like length, equal ones side by side, the longest first.

        A batch holds at most ``max_tokens`` tokens when all its responses are as long as they may be.
        """
        order = np.argsort(numbered(prompts), kind="stable")
        lengths = [len(prompts[i]) + self.max_new_tokens for i in order]
        return [order[batch] for batch in length_sorted_batches(lengths, max_tokens)]

    @torch.inference_mode()
    def draw(self, prompts: Sequence[Ids], seeds: Sequence[int]) -> list[Drawn]:
        """One batch: a response to each of N prompts, which may repeat. What else is in it changes roundings alone.

        ``RunError`` where the policy gives no probabilities.
        """
        batch = _Batch(self, prompts, seeds)
        while batch.num_written < self.max_new_tokens and len(batch.rows):
            batch.write()
        return batch.drawn()

    def read(self, ids: Int[Tensor, "N S"], mask: Int[Tensor, "N T"], cache: Any) -> tuple[Float[Tensor, "N V"], Any]:
        """Scores of what comes after the new tokens ``ids``, and the cache of all that has been read."""
        positions = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.shape[1] :]
        named = {"attention_mask": mask, "position_ids": positions, "past_key_values": cache}
        named |= {"use_cache": True, "logits_to_keep": 1}
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.bf16):
            output = self.model(ids, **{name: value for name, value in named.items() if self._takes(name)})
        found = getattr(output, "past_key_values", None)
        if not hasattr(found, "batch_select_indices"):
            raise ModelError(
                f"{type(self.model).__name__} keeps no cache of keys and values that responses could leave, so nothing "
                "is sampled from it here. Serve it, and name the server with `base_url`."
            )
        return output.logits[:, -1].float(), found

    def _takes(self, name: str) -> bool:
        return name in self._parameters or any(kind.kind is kind.VAR_KEYWORD for kind in self._parameters.values())

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.model.forward).parameters


class _Batch:
    """Responses that are being written. Tensors of N rows hold those that go on, of M all of the batch."""

    def __init__(self, drawing: Drawing, prompts: Sequence[Ids], seeds: Sequence[int]) -> None:
        device = drawing.model.device
        ids, mask = (part.to(device) for part in left_padded(list(dict.fromkeys(map(tuple, prompts))), drawing.pad_id))
        of_prompt = torch.from_numpy(numbered(prompts)).to(device)
        scores, self._cache = drawing.read(ids, mask, None)
        self._cache.batch_select_indices(of_prompt)
        self._drawing, self._seeds = drawing, torch.tensor(seeds, device=device)
        self._ends = torch.tensor(sorted(drawing.ends), device=device)
        self.rows = torch.arange(len(prompts), device=device)
        """[N]: their places in the batch."""
        self._scores, self._mask = scores[of_prompt], mask[of_prompt]
        self._context = torch.where(mask.bool(), ids, ids[:, -1:])[of_prompt]  # padding is nothing to be repeated
        self.num_written = 0
        shape = (len(prompts), drawing.max_new_tokens)
        self._ids, self._logprobs = ids.new_zeros(shape), scores.new_zeros(shape)
        self._lengths, self._ended = torch.zeros_like(self.rows), torch.zeros_like(self.rows, dtype=torch.bool)

    def write(self) -> None:
        """One more token of every response that goes on."""
        place = self.num_written
        chosen = self._drawing.choice(self._context, self._scores, self._seeds[self.rows], place)
        self._ids[self.rows, place] = chosen
        self._logprobs[self.rows, place] = self._scores.log_softmax(-1).gather(1, chosen[:, None])[:, 0]
        self._lengths[self.rows] += 1
        self._ended[self.rows] = torch.isin(chosen, self._ends)
        self.num_written += 1
        going_on = (~self._ended[self.rows]).nonzero()[:, 0]
        if self.num_written == self._drawing.max_new_tokens or not len(going_on):
            self.rows = self.rows[going_on]
            return
        if len(going_on) < len(self.rows):
            self._cache.batch_select_indices(going_on)
            kept = (part[going_on] for part in (self.rows, chosen, self._mask, self._context))
            self.rows, chosen, self._mask, self._context = kept
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(chosen), 1)], dim=1)
        self._context = torch.cat([self._context, chosen[:, None]], dim=1)
        self._scores, self._cache = self._drawing.read(chosen[:, None], self._mask, self._cache)

    def drawn(self) -> list[Drawn]:
        if not torch.isfinite(self._logprobs).all():
            raise RunError("the policy's scores are not finite, so nothing can be drawn from it. It may have diverged.")
        columns = (part.tolist() for part in (self._ids, self._logprobs, self._lengths, self._ended))
        return [
            Drawn(ids[:length], logprobs[:length], ended) for ids, logprobs, length, ended in zip(*columns, strict=True)
        ]


def numbered(prompts: Sequence[Ids]) -> NDArray[np.int64]:
    """The number of each prompt among the distinct ones, in the order of their first appearance."""
    numbers: dict[tuple[int, ...], int] = {}
    return np.array([numbers.setdefault(tuple(prompt), len(numbers)) for prompt in prompts], dtype=np.int64)


def left_padded(prompts: Sequence[Ids], pad_id: int) -> tuple[Int[Tensor, "N T"], Int[Tensor, "N T"]]:
    """Tokens and attention mask, the last token of every prompt in the last column."""
    width = max(map(len, prompts))
    ids = [[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)
