"""Tiny random causal models of many architectures, with tokenizers made on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tiny_architectures import DECODERS, tokenizer_for


def tiny_writer(architecture: str = "llama", tokenizer: Any = None, seed: int = 0) -> tuple[Any, Any]:
    """A random causal model of three layers, its scores far from uniform, and its tokenizer."""
    tokenizer = tokenizer or tokenizer_for(architecture)
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    ids = {"vocab_size": len(tokenizer), **{name: getattr(tokenizer, name) for name in names}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(DECODERS[architecture](ids))
        for parameter in model.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval(), tokenizer


def save_tiny_writer(folder: Path, architecture: str = "llama", tokenizer: Any = None, seed: int = 0) -> Path:
    """The same as a Hugging Face folder."""
    model, tokenizer = tiny_writer(architecture, tokenizer, seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
