"""Loops that take seconds: in the tiny world, and of random models on a handful of pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scored_rows import scored_rows

SMALL: dict[str, Any] = {
    "num_rounds": 2,
    "num_shift_prompts": 4,
    "shift_samples": 2,
    "num_test_prompts": 4,
    "num_rollouts": 2,
    "prompts_per_rollout": 4,
    "num_samples": 2,
    "max_prompt_length": 32,
    "max_new_tokens": 6,
    "advantage": "rloo",
    "num_ppo_epochs": 1,
    "policy_learning_rate": 1e-2,
    "learning_rate": 1e-2,
    "max_length": 64,
    "max_steps": 2,
    "stop_early": False,
    "device": "cpu",
}
IN_WORLD: dict[str, Any] = {**SMALL, "num_pairs": 16, "max_prompt_length": 48, "max_new_tokens": 16, "max_length": 96}


def save_inputs(folder: Path) -> dict[str, Any]:
    """Pairs, a policy and what a reward model begins as; gives the options that name them."""
    from tiny_reward_models import save_tiny_llama  # loads torch
    from tiny_writers import save_tiny_writer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scored_rows(32)))
    save_tiny_writer(folder / "policy")
    save_tiny_llama(folder / "llama")
    return named_inputs(folder)


def named_inputs(folder: Path) -> dict[str, Any]:
    """The options that name what ``save_inputs`` wrote."""
    return {
        "dataset_name": str(folder / "pairs.jsonl"),
        "policy_name_or_path": str(folder / "policy"),
        "model_name_or_path": str(folder / "llama"),
        "eval_fraction": 0.3,
    }
