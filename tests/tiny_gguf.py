"""A tiny language model as a GGUF file, its matrices quantised to eight bits, with the tokenizer inside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from tiny_architectures import CHAT_TEMPLATE, byte_tokenizer

WIDTH, INNER, NUM_BLOCKS, NUM_HEADS, NORMAL_TOKEN, CONTROL_TOKEN = 64, 96, 2, 4, 1, 3
NUM_SPECIAL = 8  # first in the vocabulary of byte_tokenizer


def save_tiny_gguf(path: Path, seed: int = 0, without: str = "", merges: Sequence[str] = ("t h", "h e")) -> Path:
    """A Llama with one token a byte; ``without`` leaves a tensor out."""
    backend = json.loads(byte_tokenizer().backend_tokenizer.to_str())["model"]
    tokens = [*sorted(backend["vocab"], key=backend["vocab"].get), "th", "he"]
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(NUM_BLOCKS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(NUM_HEADS)
    writer.add_head_count_kv(NUM_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // NUM_HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL_TOKEN] * NUM_SPECIAL + [NORMAL_TOKEN] * (len(tokens) - NUM_SPECIAL))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(CHAT_TEMPLATE)
    draws = np.random.default_rng(seed)
    for name, shape in _shapes(len(tokens)).items():
        if name == without:
            continue
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            kind = GGMLQuantizationType.Q8_0
            values = 0.3 * draws.standard_normal(shape, np.float32)
            writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(num_tokens: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (num_tokens, WIDTH), "output_norm.weight": (WIDTH,)}
    for block in range(NUM_BLOCKS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{block}.{part}.weight"] = (WIDTH, WIDTH)
        for part in ("attn_norm", "ffn_norm"):
            shapes[f"blk.{block}.{part}.weight"] = (WIDTH,)
        shapes[f"blk.{block}.ffn_gate.weight"] = shapes[f"blk.{block}.ffn_up.weight"] = (INNER, WIDTH)
        shapes[f"blk.{block}.ffn_down.weight"] = (WIDTH, INNER)
    return shapes
