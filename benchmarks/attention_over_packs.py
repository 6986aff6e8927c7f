"""Which way of attending over a pack costs least?

Question   Seconds of one layer's attention, forward and backward, over packs of real pairs:
             by response   one call of SDPA a response, the first together with its prompt: used on a CPU
             dense pair    one call a pair, with a dense mask over prompt and both responses
             dense rows    one pair a row, padded to the longest, one call with a dense mask
             dense pack    one call over the whole pack, with a dense mask
             flex          FlexAttention with a block mask: used on a GPU, and only measured there
Workload   Packs of at most --max_tokens distinct tokens, of pairs of a set; heads as in SmolLM2-135M (9 of 64).
Ceiling    Products of a query with a key that it may see; `needed` is their share of the products a way computes
           (a kernel may skip some of what is counted here: a causal one does not compute the upper triangle).
Command    python benchmarks/attention_over_packs.py --data ../shared/data/hh_rlhf
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from side_by_side import machine, shown, spread
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from rewardsmith.engine.attention.flex_packing import flex_attention_of_pack, token_numbers
from rewardsmith.engine.attention.packed_attention import attend_by_response
from rewardsmith.engine.attention.packing import PackLayout, pack
from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, PackedForm
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.tokens.encoding import ConversationEncoder

HEADS, WIDTH = 9, 64

Way = Callable[[Tensor, Tensor, Tensor], Tensor]


def packs(data: str, num_pairs: int, max_tokens: int, max_length: int) -> list[PackLayout]:
    """Layouts of the packs that training would see."""
    pairs = load_preferences(data, DataOptions(max_pairs=num_pairs, near_duplicates="off")).table
    encoder = ConversationEncoder(load_tokenizer(resolve_model("embedded/smollm2-135m")), max_length)
    prompts = pairs["prompt"].to_pylist()
    sides = [
        encoder.encode_many([p + r for p, r in zip(prompts, pairs[side].to_pylist(), strict=True)])
        for side in ("chosen", "rejected")
    ]
    units = list(zip(*sides, strict=True))
    plan = PackedForm().plan(units, max_tokens)
    return [pack([item for i in batch for item in units[i]]).layout for batch in plan]


def visible(layout: PackLayout) -> Tensor:
    """Who may see whom [T, T], from the numbers of the tokens: the definition that every way has to follow."""
    group, branch, _ = token_numbers(layout, layout.num_tokens)
    mine = (branch[None] == 0) | (branch[None] == branch[:, None])
    return (group[None] == group[:, None]) & mine & torch.ones(len(group), len(group), dtype=torch.bool).tril()


def ways(layout: PackLayout, on_gpu: bool) -> dict[str, tuple[Way, int]]:
    """Each way of attending over one layout, and the products that it computes."""
    mask = visible(layout)
    sizes = [group.num_tokens for group in layout.groups]
    ends = np.cumsum(sizes)
    blocks = [mask[end - size : end, end - size : end] for end, size in zip(ends, sizes, strict=True)]
    widest = max(sizes)
    rows = torch.stack([pad(block, (0, widest - len(block), 0, widest - len(block))) for block in blocks])[:, None]

    def by_pair(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = zip(*(torch.split(tensor, sizes, 2) for tensor in (query, key, value)), blocks, strict=True)
        return torch.cat([scaled_dot_product_attention(q, k, v, attn_mask=m) for q, k, v, m in parts], 2)

    def by_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        stacked = [
            torch.cat([pad(part, (0, 0, 0, widest - part.shape[2])) for part in torch.split(tensor, sizes, 2)])
            for tensor in (query, key, value)
        ]
        out = scaled_dot_product_attention(*stacked, attn_mask=rows)
        return torch.cat([out[i : i + 1, :, :size] for i, size in enumerate(sizes)], 2)

    by_response = sum(
        (group.prefix + group.branches[0]) ** 2 + sum(b * (group.prefix + b) for b in group.branches[1:])
        for group in layout.groups
    )
    found: dict[str, tuple[Way, int]] = {
        "by response": (lambda q, k, v: attend_by_response(q, k, v, layout, None, None), by_response),
        "dense pair": (by_pair, sum(size * size for size in sizes)),
        "dense rows": (by_rows, len(sizes) * widest * widest),
        "dense pack": (lambda q, k, v: scaled_dot_product_attention(q, k, v, attn_mask=mask), len(mask) ** 2),
    }
    if on_gpu:
        found["flex"] = (lambda q, k, v: flex_attention_of_pack(q, k, v, layout, None, None), len(mask) ** 2)
    return found


def measure(way: Way, num_tokens: int, device: str) -> tuple[float, Tensor]:
    """Seconds of one forward and backward pass, and the outputs."""
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(1, HEADS, num_tokens, WIDTH, generator=generator).to(device) for _ in range(3)]
    query, key, value = (tensor.requires_grad_() for tensor in tensors)
    began = time.perf_counter()
    out = way(query, key, value)
    out.backward(torch.ones_like(out))
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began, out.detach()


def main() -> None:
    """Prints the table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--num_pairs", type=int, default=60)
    parser.add_argument("--max_tokens", type=int, default=DEFAULT_MAX_TOKENS)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    use_all_cores()
    layouts = packs(args.data, args.num_pairs, args.max_tokens, args.max_length)
    names = list(ways(layouts[0], args.device != "cpu"))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    products = dict.fromkeys(names, 0)
    needed = sum(int(visible(layout).sum()) for layout in layouts)
    for repeat in range(args.repeats + 1):
        totals = dict.fromkeys(names, 0.0)
        for layout in layouts:
            reference: Tensor | None = None
            for name, (way, computed) in ways(layout, args.device != "cpu").items():
                took, out = measure(way, layout.num_tokens, args.device)
                totals[name] += took
                products[name] += computed * (repeat == 0)
                reference = out if reference is None else reference
                torch.testing.assert_close(out, reference, rtol=1e-4, atol=1e-4)
        if repeat:  # the first is a warm-up
            for name, total in totals.items():
                seconds[name].append(total)
    num_tokens = sum(layout.num_tokens for layout in layouts)
    print(f"{len(layouts)} packs, {num_tokens:,} distinct tokens, one layer's attention, forward and backward")
    print("| way | seconds | against `by response` | needed |")
    print("|---|---|---|---|")
    for name in names:
        ratio = [a / b for a, b in zip(seconds[name], seconds["by response"], strict=True)]
        print(f"| {name} | {shown(seconds[name], 3)} | {shown(ratio)} | {needed / products[name]:.0%} |")
    print(json.dumps({**machine(), "num_tokens": num_tokens, "seconds": {n: spread(seconds[n]) for n in names}}))


if __name__ == "__main__":
    main()
