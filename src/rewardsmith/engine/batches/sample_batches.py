"""Responses that a policy drew, several to a prompt, as tokens and as micro-batches: nobody has labelled them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.encoded_pairs import Indices
from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.engine.batches.token_store import TokenStore
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded


@dataclass(frozen=True)
class EncodedSamples:
    """Prompts with at least two responses each. Position i is one prompt."""

    responses: TokenStore
    """Whole conversations, prompt by prompt."""
    begin: Indices
    """[M + 1]: prompt i has the responses from ``begin[i]`` up to ``begin[i + 1]``."""
    gold: NDArray[np.float32]
    """Of each response; NaN where it is not known."""
    row: Indices
    """[M] in the input."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def num_responses(self) -> Indices:
        """[M]"""
        return np.diff(self.begin)

    def name(self, index: int) -> str:
        """Where a prompt stands in the input, for an error."""
        return f"row {self.row[index]}"

    def encoded(self, responses: Sequence[int] | Indices) -> list[Encoded]:
        """Conversations by position among all responses."""
        return [self.responses.encoded(int(i)) for i in responses]


@dataclass(frozen=True)
class SampleBatch:
    """One micro-batch: k responses to each of m prompts, prompt by prompt."""

    inputs: ModelInputs
    gold: Float[Tensor, "m k"]
    counts: Bool[Tensor, " m"]
    """Copies that only fill up the batches of a process do not count."""
    num_prompts: int
    """Of the whole optimiser step."""
    indices: Indices
    """[m] positions in the ``EncodedSamples``."""

    def by_prompt(self, values: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "m k ..."]:
        """What the model gives for the conversations, prompt by prompt."""
        return values.view(*self.gold.shape, *values.shape[1:])

    def to(self, device: torch.device | str) -> SampleBatch:
        return replace(self, inputs=self.inputs.to(device), gold=self.gold.to(device), counts=self.counts.to(device))


def encode_samples(encoder: ConversationEncoder, samples: pa.Table, quiet: bool = False) -> EncodedSamples:
    """Tokens of a table ``SAMPLES``."""
    conversations = [
        [*prompt, *response]
        for prompt, responses in zip(samples["prompt"].to_pylist(), samples["responses"].to_pylist(), strict=True)
        for response in responses
    ]
    counts = [len(responses) for responses in samples["responses"]]
    gold = [values or [None] * count for values, count in zip(samples["gold"].to_pylist(), counts, strict=True)]
    return EncodedSamples(
        responses=TokenStore.of(encoder, conversations, quiet),
        begin=np.cumsum([0, *counts], dtype=np.int64),
        gold=np.array([np.nan if one is None else one for values in gold for one in values], dtype=np.float32),
        row=samples["row"].to_numpy().astype(np.int64),
    )


def usual_number(samples: EncodedSamples) -> int:
    """Of responses to a prompt: the most frequent, of several the largest."""
    found: Counter[int] = Counter(samples.num_responses.tolist())
    return max(found, key=lambda number: (found[number], number))


def collate_samples(
    samples: EncodedSamples,
    prompts: Indices,
    drawn: Int[NDArray[np.int64], "m k"],
    num_prompts: int,
    form: BatchForm,
    counts: bool = True,
) -> SampleBatch:
    """One micro-batch of the responses ``drawn``, by their positions among all responses."""
    return SampleBatch(
        inputs=form.inputs(samples.encoded(drawn.reshape(-1))),
        gold=torch.from_numpy(samples.gold[drawn]),
        counts=torch.full((len(prompts),), counts),
        num_prompts=num_prompts,
        indices=prompts,
    )
