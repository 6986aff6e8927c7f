"""Drawing responses from a policy with its newest weights.

Every response has random numbers of its own, one for each token. So which responses share a batch, in which order and
behind how much padding changes nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from rewardsmith.policy.options import RolloutOptions
from rewardsmith.policy.sequences import padded

Tokens = list[int]


@torch.no_grad()
def draw_responses(
    model: Any,
    prompts: Sequence[Tokens],
    uniforms: Float[Tensor, "N R"],
    ends: frozenset[int],
    pad_id: int,
    options: RolloutOptions,
) -> list[Tokens]:
    """A response to each prompt: up to R tokens, with the end token where it ended.

    ``uniforms``: in [0, 1); the token is the first at which the cumulative probability is above.
    """
    responses: list[Tokens] = [[] for _ in prompts]
    for rows in _batches(prompts, uniforms.shape[1], options.rollout_max_tokens):
        drawn = _draw(model, [prompts[row] for row in rows], uniforms[rows], ends, pad_id, _processors(options))
        for row, tokens in zip(rows, drawn.tolist(), strict=True):
            stop = next((t + 1 for t, token in enumerate(tokens) if token in ends), len(tokens))
            responses[row] = tokens[:stop]
    return responses


def _batches(prompts: Sequence[Tokens], num_new: int, max_tokens: int) -> Iterator[list[int]]:
    """Prompts of like length together."""
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    while order:
        num = max(1, max_tokens // (len(prompts[order[0]]) + num_new))
        yield order[:num]
        order = order[num:]


def _draw(
    model: Any,
    prompts: Sequence[Tokens],
    uniforms: Float[Tensor, "N R"],
    ends: frozenset[int],
    pad_id: int,
    processors: LogitsProcessorList,
) -> Int[Tensor, "N t"]:
    device = next(model.parameters()).device
    tokens, real = (tensor.to(device) for tensor in padded(prompts, pad_id, on_left=True))
    mask, num_prompt = real.long(), tokens.shape[1]
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    unread, cache = tokens, None
    stops = torch.tensor(sorted(ends), device=device)
    ended = torch.zeros(len(tokens), dtype=torch.bool, device=device)
    for uniform in uniforms.to(device).T:
        output = model(
            input_ids=unread,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        scores = processors(cast(torch.LongTensor, tokens), cast(torch.FloatTensor, output.logits[:, -1].float()))
        unread = torch.where(ended, pad_id, inverse_cdf(scores, uniform))[:, None]
        tokens = torch.cat([tokens, unread], 1)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        positions = positions[:, -1:] + 1
        ended |= torch.isin(unread[:, 0], stops)
        if bool(ended.all()):
            break
    return tokens[:, num_prompt:]


def inverse_cdf(scores: Float[Tensor, "N V"], uniform: Float[Tensor, " N"]) -> Int[Tensor, " N"]:
    """The token of each row at which the cumulative probability passes a number in [0, 1)."""
    cumulative = scores.double().softmax(-1).cumsum(-1)
    found = torch.searchsorted(cumulative, uniform[:, None].double() * cumulative[:, -1:], right=True)
    return found[:, 0].clamp_max(scores.shape[-1] - 1)


def _processors(options: RolloutOptions) -> LogitsProcessorList:
    """Those of transformers, in the order of its ``generate``; none where responses are the policy's own."""
    found = LogitsProcessorList()
    if options.repetition_penalty != 1.0:
        found.append(RepetitionPenaltyLogitsProcessor(options.repetition_penalty))
    if options.temperature != 1.0:
        found.append(TemperatureLogitsWarper(options.temperature))
    if options.top_p < 1.0:
        found.append(TopPLogitsWarper(options.top_p))
    return found
