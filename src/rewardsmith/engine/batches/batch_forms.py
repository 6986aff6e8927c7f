"""How conversations become batches of a model: packed, or padded where packing is not possible or not wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.attention.packing import by_prompt, pack, packed_length
from rewardsmith.engine.batches.model_inputs import ModelInputs, PackedInputs, PaddedInputs
from rewardsmith.engine.batches.packing_check import why_not_packed
from rewardsmith.models.layers.dropout import TokenKeys, causal_keys, whole_keys
from rewardsmith.models.layers.heads import core_of, has_score_head
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

DEFAULT_MAX_TOKENS = 2048
"""Tokens in a forward pass: enough for full speed on a CPU, little enough for its caches and memory."""
CPU_TRAINING_TOKENS = 1024
"""On a CPU larger passes of training are no faster (docs/results/training_memory.md), and hold more activations."""
CPU_BF16_TRAINING_TOKENS = 4096
"""But autocast turns all weights into bfloat16 in every pass, and their gradients back: few large ones cost less."""

Indices = NDArray[np.int64]
Unit = Sequence[Encoded]
"""Conversations that have to share a batch: one to score, or the two of a pair."""


@runtime_checkable
class BatchForm(Protocol):
    """Makes batches of one model."""

    @property
    def packed(self) -> bool:
        """Whether prompts are shared."""
        ...

    def inputs(self, encoded: Sequence[Encoded]) -> ModelInputs:
        """One batch of these conversations."""
        ...

    def num_tokens(self, encoded: Sequence[Encoded]) -> int:
        """Tokens that the model computes for these conversations alone in a batch."""
        ...

    def plan(self, units: Sequence[Unit], max_tokens: int) -> list[Indices]:
        """Which units share a batch, each batch within ``max_tokens`` (a unit that is longer stands alone)."""
        ...


@dataclass(frozen=True)
class PaddedForm:
    """One conversation a row, padded to the longest of its batch."""

    pad_id: int
    token_types: bool = False
    keys: TokenKeys | None = None
    """For dropout; None: there is none."""
    packed: bool = False

    def inputs(self, encoded: Sequence[Encoded]) -> PaddedInputs:
        """One batch, padded on the right."""
        tensors = pad_batch(encoded, self.pad_id, token_types=self.token_types)
        del tensors["response_mask"]
        if self.keys is None:
            return PaddedInputs(tensors)
        keys = [torch.from_numpy(self.keys(item)) for item in encoded]
        return PaddedInputs(tensors, pad_sequence(keys, batch_first=True))

    def num_tokens(self, encoded: Sequence[Encoded]) -> int:
        """Rows times the longest."""
        return len(encoded) * max(len(item.input_ids) for item in encoded)

    def plan(self, units: Sequence[Unit], max_tokens: int) -> list[Indices]:
        """Like lengths together, the longest first."""
        longest = [max(len(item.input_ids) for item in unit) for unit in units]
        order = sorted(range(len(units)), key=lambda index: -longest[index])
        batches: list[list[int]] = []
        num_rows = width = 0
        for index in order:
            rows = len(units[index])
            if not batches or (num_rows + rows) * width > max_tokens:
                batches.append([])
                num_rows, width = 0, longest[index]
            batches[-1].append(index)
            num_rows += rows
        return [np.array(batch, dtype=np.int64) for batch in batches]


@dataclass(frozen=True)
class PackedForm:
    """All conversations in one row, shared prompts once."""

    keys: TokenKeys | None = None
    """For dropout; None: there is none."""
    packed: bool = True

    def inputs(self, encoded: Sequence[Encoded]) -> PackedInputs:
        return PackedInputs.of(pack(encoded, None if self.keys is None else [self.keys(item) for item in encoded]))

    def num_tokens(self, encoded: Sequence[Encoded]) -> int:
        """Distinct tokens."""
        return sum(packed_length([encoded[i] for i in members]) for members in by_prompt(encoded))

    def plan(self, units: Sequence[Unit], max_tokens: int) -> list[Indices]:
        """Same prompts together; batches are level in tokens, so that none is too short to keep the processor busy."""
        blocks = list(self._blocks(units, max_tokens))
        blocks.sort(key=lambda block: -block[0])
        total = sum(size for size, _ in blocks)
        num_batches = max(1, -(-total // max_tokens))
        loads, batches = [0] * num_batches, [list[int]() for _ in range(num_batches)]
        for size, members in blocks:
            emptiest = min(range(len(loads)), key=loads.__getitem__)
            if loads[emptiest] and loads[emptiest] + size > max_tokens:
                emptiest = len(loads)
                loads.append(0)
                batches.append([])
            loads[emptiest] += size
            batches[emptiest] += members
        return [np.array(batch, dtype=np.int64) for batch in batches if batch]

    def _blocks(self, units: Sequence[Unit], max_tokens: int) -> Iterator[tuple[int, list[int]]]:
        """Units with one prompt, in parts that fit a batch, each with its tokens."""
        for members in by_prompt([unit[0] for unit in units]):
            block: list[int] = []
            size = 0
            for index in members:
                grown = self.num_tokens([item for i in [*block, index] for item in units[i]])
                if block and grown > max_tokens:
                    yield size, block
                    block, grown = [], self.num_tokens(units[index])
                block.append(index)
                size = grown
            yield size, block


def usual_training_tokens(device_type: str, bf16: bool) -> int:
    """Tokens in a pass of training, where nobody names a number."""
    if device_type != "cpu":
        return DEFAULT_MAX_TOKENS
    return CPU_BF16_TRAINING_TOKENS if bf16 else CPU_TRAINING_TOKENS


def batch_form(
    model: Any,
    encoder: ConversationEncoder,
    packing: Literal["auto", "off"] = "auto",
    everywhere: Callable[[bool], bool] = bool,
    dropout: bool = False,
) -> BatchForm:
    """The form for a reward model (sequence classification, adapters or not), which is prepared for it.

    Packed for decoders that pass a check against their padded rewards; for one that does not, the reason is said.
    ``everywhere`` says of this process's answer whether all processes give it: they must not plan different batches.
    ``dropout``: batches say which of their tokens drop alike.
    """
    keys = (causal_keys if has_score_head(core_of(model)) else whole_keys) if dropout else None
    padded = PaddedForm(int(model.config.get_text_config().pad_token_id), encoder.has_token_types, keys)
    if packing == "off" or encoder.layout == "encoder":
        return padded
    reason = why_not_packed(model, encoder, padded, PackedForm())
    if everywhere(reason is None):
        return PackedForm(keys)
    say(f"Batches are padded instead of packed: {reason or 'the check failed in another process.'}")
    return padded
