"""Reward models with their adapters in the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rewardsmith.models.loading import load_reward_model, save_reward_model
from rewardsmith.models.lora import merge_lora


def load_merged(folder: str | Path) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and extra file of a reward model; adapters, if it has any, are in the weights."""
    model, tokenizer, extra = load_reward_model(str(folder))
    return (merge_lora(model) if hasattr(model, "peft_config") else model), tokenizer, extra


def merge_reward_model(folder: str | Path, output: str | Path) -> None:
    """Writes a reward model as a plain sequence-classification model, with the same rewards."""
    model, tokenizer, extra = load_merged(folder)
    save_reward_model(model, tokenizer, output, {**extra, "merged_from": str(folder)})
