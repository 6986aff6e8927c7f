"""Dropout with masks that are a function of what is computed, not of when and beside what.

Whether a channel of a token is dropped depends on the seed, the optimiser step, the site, the view and the token in its
context. How pairs are cut into batches, packs, micro-batches and processes changes nothing, so packed equals padded; a
block that is computed again drops the same. Two views of one conversation differ.

Sites are the outputs of attention and of the MLP in every block that is trained, before they join the residual: Llama
and Qwen have no hidden dropout of their own. Kept values are multiplied by 1 / (1 - rate).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from rewardsmith.errors import ConfigError
from rewardsmith.models.counter_random import INCREMENT, mixed, number_of
from rewardsmith.models.layers.blocks import transformer_blocks
from rewardsmith.tokens.encoding import Encoded

NO_DROPOUT = "Neither `dropout` nor `contrastive` goes with it."

TokenKeys = Callable[[Encoded], NDArray[np.int64]]
"""64 bits for each token of a conversation: which tokens drop alike."""

SITES = (
    ("attention.output.dense", "output.dense"),  # BERT's family adds the residual right behind these
    ("self_attn", "mlp"),
    ("attn", "mlp"),
    ("attention", "mlp"),
    ("attention", "ffn"),
)
"""How architectures call the two sites of a block. Others may add the residual inside of them, and are refused."""

LANES, LEVELS = 4, 1 << 16
"""A word of 64 bits decides about four channels; rates are rounded to 1/65536."""

_pass_seeds: ContextVar[Tensor | None] = ContextVar("seeds of the tokens [R, T] in the forward pass", default=None)


def causal_keys(encoded: Encoded) -> NDArray[np.int64]:
    """Keys for a model that reads from left to right: equal where a token, all before it and the prompt are equal.

    So a shared prompt has one mask wherever it is computed.
    """
    return _keys(encoded, encoded.response_start)


def whole_keys(encoded: Encoded) -> NDArray[np.int64]:
    """Keys for a model in which every token sees the whole conversation: equal in equal conversations only."""
    return _keys(encoded, len(encoded.input_ids))


def _keys(encoded: Encoded, num_known: int) -> NDArray[np.int64]:
    ids = torch.tensor([0, *encoded.input_ids])
    read = mixed((torch.arange(len(ids)) << 32) + ids).cumsum(0)  # wraps around, as integers do
    return mixed(read[1:] + mixed(read[num_known] + encoded.view)).numpy()


def keep_mask(seeds: Int[Tensor, "R T"], num_channels: int, rate: float) -> Bool[Tensor, "R T {num_channels}"]:
    """Which channels of each token stay: each with probability 1 - ``rate``, whatever the others do."""
    counters = INCREMENT * torch.arange(1, -(-num_channels // LANES) + 1, device=seeds.device)
    lanes = mixed(seeds[..., None] + counters).view(torch.int16)
    return lanes[..., :num_channels] >= _num_dropped(rate) - LEVELS // 2


def _num_dropped(rate: float) -> int:
    """Of all levels."""
    return min(round(rate * LEVELS), LEVELS - 1)


class Dropout:
    """What the sites of a model need to know: rate, seed, the optimiser step and the tokens of a forward pass."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate, self._seed, self._step = rate, seed, 0

    def begin(self, step: int) -> None:
        """Forward passes belong to this optimiser step from now on."""
        self._step = step

    @contextmanager
    def at_tokens(self, keys: Int[Tensor, "R T"]) -> Iterator[None]:
        """Within it, a forward pass over these tokens drops; outside of it none does."""
        token = _pass_seeds.set(keys ^ number_of("step", self._seed, self._step))
        try:
            yield
        finally:
            _pass_seeds.reset(token)

    def _drop(self, site: int, _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        seeds = _pass_seeds.get()
        if seeds is None:
            return output
        hidden, *others = output if isinstance(output, tuple) else (output,)
        kept = keep_mask(seeds ^ site, hidden.shape[-1], self.rate)
        hidden = (hidden * (kept * (LEVELS / (LEVELS - _num_dropped(self.rate))))).to(hidden.dtype)
        return (hidden, *others) if isinstance(output, tuple) else hidden


@contextmanager
def dropout_sites(model: Any, rate: float, seed: int, all_blocks: bool = False) -> Iterator[Dropout | None]:
    """Within it, the trained blocks of ``model`` (adapters or not) drop in passes that name their tokens; 0: None.

    ``all_blocks``: those that are not trained too. ``ConfigError`` where attention and MLP of a block cannot be told.
    """
    if rate == 0:
        yield None
        return
    dropout = Dropout(rate, seed)
    sites = list(_sites(model, rate, all_blocks))
    handles = [layer.register_forward_hook(partial(dropout._drop, number_of("site", site))) for site, layer in sites]
    try:
        yield dropout
    finally:
        for handle in handles:
            handle.remove()


def _sites(model: Any, rate: float, all_blocks: bool) -> Iterator[tuple[int, nn.Module]]:
    """Sites that learn, or all of them, numbered from the bottom of the whole model."""
    num_found = 0
    for number, block in enumerate(transformer_blocks(model) or ()):
        if not all_blocks and not any(parameter.requires_grad for parameter in block.parameters()):
            continue
        num_found += 1
        modules = dict(block.named_modules())
        names = next((pair for pair in SITES if all(name in modules for name in pair)), None)
        if names is None:
            raise ConfigError(
                f"Dropout {rate}: no attention and MLP can be told in {type(block).__name__}. {NO_DROPOUT}"
            )
        yield from ((2 * number + i, modules[name]) for i, name in enumerate(names))
    if not num_found:
        raise ConfigError(
            f"Dropout {rate}: {type(model).__name__} has no list of blocks that are trained. {NO_DROPOUT}"
        )
