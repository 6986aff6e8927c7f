"""Reward models that have learned nothing, and runs that say nothing."""

from __future__ import annotations

from pathlib import Path

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model


def save_untrained(trunk: Path, folder: Path) -> Path:
    """A reward model that has learned nothing, in a folder."""
    source = resolve_model(str(trunk))
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer, seed=0), tokenizer, folder, {"max_length": 128})
    return folder


def quiet_run(path: Path) -> RunOptions:
    return RunOptions(output_dir=str(path), quiet=True)


def opposite_of(reward_model: Path, folder: Path, factor: float = -1.0) -> Path:
    """The same model with its rewards times ``factor``."""
    model, tokenizer, extra = load_reward_model(str(reward_model))
    model.score.weight.data *= factor
    save_reward_model(model, tokenizer, folder, extra)
    return folder
