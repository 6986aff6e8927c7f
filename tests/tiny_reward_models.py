"""Tiny random models with a real tokenizer, and small sets of pairs, for tests that train or score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from rewardsmith.contracts.tables import PAIRS, SAMPLES

NUMBERS_AND_COLOURS = ("red", "green", "blue", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
QUALITIES = ("good", "bad", "fine", "poor", "warm", "cold", "fast", "slow")
THINGS = (
    "cat",
    "dog",
    "bird",
    "fish",
    "tree",
    "stone",
    "river",
    "road",
    "house",
    "door",
    "hand",
    "sun",
    "moon",
    "star",
)
TEXT_WORDS = (*NUMBERS_AND_COLOURS, *QUALITIES, *THINGS)
WORDS = (*TEXT_WORDS, "User", "Assistant")


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Words and single characters; BOS, EOS and a padding token of its own; no chat template."""
    characters = [chr(code) for code in range(33, 127)]
    vocabulary = {
        word: i for i, word in enumerate(dict.fromkeys(["<unk>", "<s>", "</s>", "<pad>", *WORDS, *characters]))
    }
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


def save_tiny_llama(folder: Path, seed: int = 0) -> Path:
    """A two-layer random Llama trunk with its tokenizer, as a Hugging Face folder."""
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        LlamaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def some_rows(num_pairs: int, seed: int = 0) -> list[dict[str, Any]]:
    """Random pairs in TRL form, four to a prompt, of varied length."""
    rng = np.random.default_rng(seed)

    def text(longest: int) -> str:
        return " ".join(rng.choice(TEXT_WORDS, size=rng.integers(2, longest)))

    prompts = [text(8) for _ in range(num_pairs // 4 + 1)]
    return [{"prompt": prompts[i // 4], "chosen": text(12), "rejected": text(12)} for i in range(num_pairs)]


def pair_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The pairs table of rows in TRL form; other columns of the table may be given by name."""
    columns: dict[str, list[Any]] = {name: [] for name in PAIRS.names}
    for i, row in enumerate(rows):
        made = {
            "pair_id": f"pair-{i}",
            "row": i,
            "split_group": row["prompt"],
            "prompt_id": row["prompt"],
            "target": 1.0,
            "margin": 0.0,
            "weight": 1.0,
            **row,
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for name in PAIRS.names:
            columns[name].append(made.get(name))
    return pa.table(columns, schema=PAIRS)


def sample_rows(num_prompts: int, num_responses: int, seed: int = 1) -> list[dict[str, Any]]:
    """Random prompts with several responses each, and gold rewards."""
    rng = np.random.default_rng(seed)
    rows = some_rows(num_prompts * num_responses, seed)
    return [
        {
            "prompt": rows[begin]["prompt"] + f" {TEXT_WORDS[begin % len(TEXT_WORDS)]}",
            "responses": [row["chosen"] for row in rows[begin : begin + num_responses]],
            "gold": rng.normal(size=num_responses).tolist(),
        }
        for begin in range(0, len(rows), num_responses)
    ]


def sample_table(num_prompts: int, num_responses: int, seed: int = 1) -> pa.Table:
    """The table of ``sample_rows``."""
    columns: dict[str, list[Any]] = {name: [] for name in SAMPLES.names}
    for i, row in enumerate(sample_rows(num_prompts, num_responses, seed)):
        made = {
            "row": i,
            "prompt_id": row["prompt"],
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "responses": [[{"role": "assistant", "content": text}] for text in row["responses"]],
            "gold": row["gold"],
        }
        for name in SAMPLES.names:
            columns[name].append(made.get(name))
    return pa.table(columns, schema=SAMPLES)


def rows_with_a_category_that_errs(num: int) -> list[dict[str, Any]]:
    """Annotators of the category `right` know good from bad; those of `wrong` mostly say the opposite."""
    rng = np.random.default_rng(3)
    rows = []
    for i, row in enumerate(some_rows(num)):
        good, bad = row["chosen"] + " good good", row["rejected"] + " bad bad"
        category = "wrong" if i % 8 < 2 else "right"
        if rng.random() < (0.85 if category == "wrong" else 0.05):
            good, bad = bad, good
        rows.append({"prompt": row["prompt"], "chosen": good, "rejected": bad, "category": category})
    return rows
