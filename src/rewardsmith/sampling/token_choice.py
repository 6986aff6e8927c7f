"""Which token comes next: the Gumbel-max trick with noise that belongs to one response and one place in it.

argmax_v (s_v + g_v) with independent standard Gumbel g is a draw from softmax(s) (Gumbel 1954; Maddison et al. 2014).
Since no noise is shared, no response depends on those that are computed beside it; rounding of the scores matters only
where two candidates are within it.
"""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from rewardsmith.models.counter_random import INCREMENT, mixed, number_of
from rewardsmith.sampling.settings import SamplingSettings

BITS = 31
"""Of a uniform number: rarer tokens than 2^-31 are drawn as often as that, or never."""


def gumbel(seeds: Int[Tensor, " N"], place: int, num_tokens: int) -> Float[Tensor, "N {num_tokens}"]:
    """Standard Gumbel numbers of responses with these seeds at their token number ``place``."""
    counters = INCREMENT * torch.arange(1, num_tokens // 2 + 2, device=seeds.device)
    words = mixed((seeds ^ number_of("token", place))[:, None] + counters)  # each serves two candidates
    uniform = ((words.view(torch.int32)[:, :num_tokens] & (2**BITS - 1)).float() + 0.5) / 2**BITS
    uniform = uniform.clamp_max(1 - 2**-24)  # where float32 rounds to 1
    return -torch.log(-torch.log1p(-uniform))  # the small numbers, which win, keep all their digits


class TokenChoice:
    """Draws by the settings from the scores of a policy."""

    def __init__(self, settings: SamplingSettings) -> None:
        self._is_greedy = settings.temperature == 0
        self._processors = LogitsProcessorList()
        if settings.repetition_penalty != 1:
            self._processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
        if settings.temperature not in (0, 1):
            self._processors.append(TemperatureLogitsWarper(settings.temperature))
        if settings.top_p < 1:
            self._processors.append(TopPLogitsWarper(settings.top_p))

    def __call__(
        self, context: Int[Tensor, "N T"], scores: Float[Tensor, "N V"], seeds: Int[Tensor, " N"], place: int
    ) -> Int[Tensor, " N"]:
        """The next token of each response. ``context``: what it and its prompt hold so far."""
        processed = self._processors(cast(torch.LongTensor, context), cast(torch.FloatTensor, scores))
        if self._is_greedy:
            return processed.argmax(-1)
        return (processed + gumbel(seeds, place, scores.shape[-1])).argmax(-1)
