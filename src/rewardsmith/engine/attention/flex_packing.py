"""Attention over a pack with FlexAttention: one fused kernel for a whole pack, for GPUs.

Block masks skip what no token may see. The row is padded to whole blocks and the kernel compiled once for shapes that
vary, so that packs of different lengths do not compile anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.attention.packing import Group, PackLayout

BLOCK = 128


def flex_is_usable(query: Tensor) -> bool:
    """Whether FlexAttention runs here: on CUDA, where its kernel is compiled, if a compiler is found."""
    return query.is_cuda and kernel_works(query.device)


@cache
def kernel_works(device: torch.device) -> bool:
    """Whether the kernel runs on a pack of two tokens; asked once, and said where it does not."""
    tokens = torch.zeros(1, 1, 2, 16, device=device)
    try:
        flex_attention_of_pack(tokens, tokens, tokens, PackLayout((Group(1, (1,)),)), None, None)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever compiling stumbles over: no C compiler, no Triton, an old card
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        say(
            f"FlexAttention does not work here ({reason}): packs are attended to response by response, which is slower."
        )
        return False
    return True


def flex_attention_of_pack(
    query: Tensor, key: Tensor, value: Tensor, pack: PackLayout, scaling: float | None, window: int | None
) -> Tensor:
    """Attention of ``query`` [R, H, T, d] over ``key``, ``value`` [R, G, T, d]; gives [R, H, T, d]."""
    length = query.shape[2]
    padding = (0, 0, 0, -length % BLOCK)
    mask = _block_mask(pack, length + padding[3], window, query.device)
    attended: Tensor = _kernel(query.is_cuda)(
        pad(query, padding),
        pad(key, padding),
        pad(value, padding),
        block_mask=mask,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return attended[:, :, :length]


@cache
def _kernel(compiled: bool) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if compiled else flex_attention


def _block_mask(pack: PackLayout, length: int, window: int | None, device: torch.device) -> Any:
    memo_key = ("flex", length, window, device)
    if memo_key not in pack.memo:
        from torch.nn.attention.flex_attention import create_block_mask

        group, branch, position = (numbers.to(device) for numbers in token_numbers(pack, length))

        def visible(_row: Tensor, _head: Tensor, asking: Tensor, seen: Tensor) -> Tensor:
            mine = (branch[seen] == 0) | (branch[seen] == branch[asking])
            allowed = (group[asking] == group[seen]) & mine & (seen <= asking)
            return allowed if window is None else allowed & (position[asking] - position[seen] < window)

        pack.memo[memo_key] = create_block_mask(visible, None, None, length, length, device=str(device))
    return pack.memo[memo_key]


def token_numbers(pack: PackLayout, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Group, branch (0 = the prefix) and position of every token [length]; padding is a group of its own."""
    group, branch, position = [], [], []
    for number, item in enumerate(pack.groups):
        group.append(torch.full((item.num_tokens,), number))
        branch.append(torch.zeros(item.prefix, dtype=torch.long))
        position.append(torch.arange(item.prefix))
        for index, size in enumerate(item.branches, start=1):
            branch.append(torch.full((size,), index))
            position.append(torch.arange(item.prefix, item.prefix + size))
    rest = length - pack.num_tokens
    group.append(torch.full((rest,), -1))
    branch.append(torch.zeros(rest, dtype=torch.long))
    position.append(torch.arange(rest))
    return torch.cat(group), torch.cat(branch), torch.cat(position)
