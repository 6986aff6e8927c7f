"""TRL's own RewardTrainer trains on what is exported for it, with the loss that the ledger means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rewardsmith
from any_pairs import ledger_of, write_refined
from rewardsmith.engine.scorer import load_scorer
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_tokenizer, new_reward_model, save_reward_model
from rewardsmith.objectives.preference import preference_loss, weighted_mean
from tiny_architectures import save_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # TRL's and its libraries' own warnings


def ledger() -> Any:
    """Flips, margins and a dropped pair: all that TRL can be told."""
    changes: list[dict[str, Any]] = [
        {},
        {"target": 0.0, "swapped": True, "rules": ["flip"]},
        {"margin": 1.5, "rules": ["adaptive_margin"]},
        {"target": 0.0, "swapped": True, "margin": -2.5, "rules": ["flip", "adaptive_margin"]},
        {"weight": 0.0, "rules": ["drop"]},
    ]
    return ledger_of(
        [
            {
                "prompt": [{"role": "user", "content": f"Question {i}?"}],
                "responses": (f"An answer to {i}, at length.", f"No {i}."),
                "source": None if i < 5 else "late",
                **changes[i % len(changes)],
            }
            for i in range(20)
        ]
    )


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    source = resolve_model(str(save_tiny_model(folder / "trunk", "llama")))
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer), tokenizer, folder / "saved", {"max_length": 128})
    return str(folder / "saved")


def loss_of_the_ledger(reward_model: str) -> float:
    pairs, scorer = ledger(), load_scorer(reward_model, device="cpu")
    sides = [
        scorer.score([p + r for p, r in zip(pairs["prompt"].to_pylist(), pairs[side].to_pylist(), strict=True)])
        for side in ("chosen", "rejected")
    ]
    target, margin, weight = (torch.tensor(pairs[name].to_numpy()) for name in ("target", "margin", "weight"))
    return float(weighted_mean(preference_loss(torch.tensor(sides[0] - sides[1]), target, margin), weight))


@pytest.mark.parametrize("to", ["trl", "datasets", "openrlhf"])
def test_its_reward_trainer_trains_on_the_exported_pairs_with_their_loss(
    to: str, reward_model: str, tmp_path: Path
) -> None:
    trl = pytest.importorskip("trl")
    import datasets

    folder = write_refined(tmp_path / "refined", ledger())
    place = {"output_dir": tmp_path / "out"} if to == "datasets" else {"output_file": tmp_path / "out.jsonl"}
    result = rewardsmith.export(folder, to=to, quiet=True, **place)
    assert result.metrics["num_written"] == 16
    if to == "datasets":
        rows = datasets.load_from_disk(result.path)
    else:
        rows = datasets.load_dataset("json", data_files=result.path, split="train", cache_dir=str(tmp_path / "cache"))
    args = trl.RewardConfig(
        output_dir=str(tmp_path / "trained"),
        per_device_train_batch_size=16,
        max_steps=2,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    trainer = trl.RewardTrainer(model=reward_model, args=args, train_dataset=rows)
    before = trainer.model.score.weight.detach().clone()
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert len(losses) == 2
    np.testing.assert_allclose(losses[0], loss_of_the_ledger(reward_model), rtol=1e-4)  # TRL logs rounded losses
    assert losses[1] < losses[0]
    assert not torch.equal(trainer.model.score.weight, before)
