"""A small Llama that learns to write both sides of an exchange."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

IGNORED = -100
WARMUP_STEPS, WINDOW_STEPS = 30, 16


@dataclass(frozen=True)
class Shape:
    """How large a model is."""

    width: int
    mlp_width: int
    num_layers: int
    num_heads: int


def new_model(shape: Shape, tokenizer: Any, longest: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.mlp_width,
            num_hidden_layers=shape.num_layers,
            num_attention_heads=shape.num_heads,
            num_key_value_heads=shape.num_heads,
            max_position_embeddings=longest,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def teach(
    model: LlamaForCausalLM,
    rows: Sequence[list[int]],
    num_steps: int,
    rows_per_step: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Trains in place on every token but the first."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))
    began = time.process_time()
    for step, batch in zip(range(num_steps), _batches(rows, rows_per_step, seed), strict=False):
        progress = (step - WARMUP_STEPS) / (num_steps - WARMUP_STEPS)
        scale = (step + 1) / WARMUP_STEPS if step < WARMUP_STEPS else 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * max(scale, 0.02)
        loss = _loss(model, batch, "mean")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 49:
            spent = time.process_time() - began
            print(f"step {step + 1} of {num_steps}: loss {loss.item():.3f}, {spent:.0f} s of processor", flush=True)


@torch.no_grad()
def loss_on(model: LlamaForCausalLM, rows: Sequence[list[int]], rows_per_step: int) -> float:
    """Nats a token."""
    model.eval()
    batches = [padded(rows[i : i + rows_per_step]) for i in range(0, len(rows), rows_per_step)]
    total = sum(_loss(model, batch, "sum").item() for batch in batches)
    model.train()
    return total / sum(len(row) - 1 for row in rows)


def padded(rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Tokens and what is to be foretold, ``IGNORED`` behind each row's end."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    targets = torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows])
    return ids[:, :-1], targets[:, 1:]


def _loss(model: LlamaForCausalLM, batch: tuple[Tensor, Tensor], reduction: str) -> Tensor:
    ids, targets = batch
    logits = model(input_ids=ids, use_cache=False).logits  # padding stands behind, where a causal model does not look
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction=reduction
    )


def _batches(rows: Sequence[list[int]], size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of like length together; all before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order: list[int] = torch.randperm(len(rows), generator=generator).tolist()
        batches: list[list[int]] = []
        for begin in range(0, len(order), WINDOW_STEPS * size):
            window = sorted(order[begin : begin + WINDOW_STEPS * size], key=lambda row: len(rows[row]))
            batches += [window[i : i + size] for i in range(0, len(window) - size + 1, size)]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            yield padded([rows[i] for i in batches[place]])
