"""Attention over a pack, as an attention implementation of transformers: exact, and without padding.

transformers hands keyword arguments of a model's forward on to its attention, so the layout travels with the batch as
``pack``. Without one (a padded batch) this is plain SDPA with plain masks. What a model wants from its attention and
cannot have here (soft capping, sinks, position biases) is refused by name.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rewardsmith.engine.attention.flex_packing import flex_attention_of_pack, flex_is_usable
from rewardsmith.engine.attention.packing import Group, PackLayout
from rewardsmith.errors import ModelError

NAME = "rewardsmith_packed"
UNSUPPORTED = ("softcap", "s_aux", "position_bias", "head_mask")


def use_packed_attention(model: Any) -> None:
    """Makes a Hugging Face model attend within packs; padded batches give what they gave before."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    pack: PackLayout | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention of ``query`` [R, H, T, d] over ``key``, ``value`` [R, G, T, d]; gives [R, T, H, d].

    All R rows have the layout of ``pack``. ``ModelError`` names what this model needs and packing does not offer.
    """
    if pack is None:
        out: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return out
    wanted = [name for name in UNSUPPORTED if others.get(name) is not None] + ["dropout"] * (dropout > 0)
    if wanted:
        raise ModelError(f"packing does not support {', '.join(wanted)} of {type(module).__name__}.")
    repeats = query.shape[1] // key.shape[1]
    window = others.get("sliding_window")
    pack.windows.add(window)
    if flex_is_usable(query):
        attended = flex_attention_of_pack(query, key, value, pack, scaling, window)
    else:
        attended = attend_by_response(query, repeat_kv(key, repeats), repeat_kv(value, repeats), pack, scaling, window)
    return attended.transpose(1, 2).contiguous(), None


def attend_by_response(
    query: Tensor, key: Tensor, value: Tensor, pack: PackLayout, scaling: float | None, window: int | None
) -> Tensor:
    """One call of SDPA for each response: no token is compared with one that it may not see.

    The row is split once, since the gradient of a slice is as long as the whole row.
    """
    queries = iter(torch.split(query, list(chain.from_iterable(map(_query_lengths, pack.groups))), 2))
    pieces = [length for group in pack.groups for length in (group.prefix, *group.branches)]
    keys, values = iter(torch.split(key, pieces, 2)), iter(torch.split(value, pieces, 2))
    out = []
    for group in pack.groups:
        prompt_key, prompt_value = next(keys), next(values)
        for number, length in enumerate(group.branches):
            asked = next(queries)
            seen_key, seen_value = next(keys), next(values)
            if group.prefix:
                seen_key = torch.cat([prompt_key, seen_key], 2)
                seen_value = torch.cat([prompt_value, seen_value], 2)
            total = group.prefix + length
            windowed = window is not None and window < total
            causal = number == 0 and not windowed
            mask = None if causal else _mask(pack, asked.shape[2], total, window if windowed else None, query.device)
            out.append(
                scaled_dot_product_attention(
                    asked, seen_key, seen_value, attn_mask=mask, is_causal=causal, scale=scaling
                )
            )
    return torch.cat(out, 2)


def _query_lengths(group: Group) -> list[int]:
    """The first response is asked together with the prompt: both in one triangle."""
    return [group.prefix + group.branches[0], *group.branches[1:]]


def _mask(pack: PackLayout, num_queries: int, num_keys: int, window: int | None, device: torch.device) -> Tensor:
    """What each of the last tokens may see [num_queries, num_keys]; True = it may."""
    memo_key = (num_queries, num_keys, window, device)
    if memo_key not in pack.memo:
        columns = torch.arange(num_keys, device=device)
        rows = columns[num_keys - num_queries :, None]
        mask = columns <= rows
        if window is not None:
            mask &= columns > rows - window
        pack.memo[memo_key] = mask
    mask_: Tensor = pack.memo[memo_key]
    return mask_
