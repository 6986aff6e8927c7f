"""TRL's own RewardTrainer trains on what is exported for it, with the loss that the ledger means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

import rewardsmith
from any_pairs import ledger_of, write_refined
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.objectives.preference import preference_loss, weighted_mean
from rewardsmith.preferences.pairs.conversations import pair_conversations
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


def loss_of(reward_model: str, pairs: pa.Table) -> float:
    """Our loss of the pairs as a table has them."""
    scorer = open_scorer(reward_model)
    sides = [scorer.score(side).rewards for side in pair_conversations(pairs)]
    target, margin, weight = (torch.tensor(pairs[name].to_numpy()) for name in ("target", "margin", "weight"))
    return float(weighted_mean(preference_loss(torch.tensor(sides[0] - sides[1]), target, margin), weight))


def train_with_trl(reward_model: str, rows: Any, folder: Path) -> list[float]:
    """The losses of two steps of TRL's own trainer, each on all rows; it must have moved the head."""
    trl = pytest.importorskip("trl")
    args = trl.RewardConfig(
        output_dir=str(folder),
        per_device_train_batch_size=len(rows),
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
    assert not torch.equal(trainer.model.score.weight, before)
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def json_rows(path: str | Path, tmp_path: Path) -> Any:
    import datasets

    return datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("to", ["trl", "datasets", "openrlhf"])
def test_its_reward_trainer_trains_on_the_exported_pairs_with_their_loss(
    to: str, reward_model: str, tmp_path: Path
) -> None:
    import datasets

    folder = write_refined(tmp_path / "refined", ledger())
    place = {"output_dir": tmp_path / "out"} if to == "datasets" else {"output_file": tmp_path / "out.jsonl"}
    result = rewardsmith.export(folder, to=to, quiet=True, **place)
    assert result.metrics["num_written"] == 16
    rows = datasets.load_from_disk(result.path) if to == "datasets" else json_rows(result.path, tmp_path)
    losses = train_with_trl(reward_model, rows, tmp_path / "trained")
    assert len(losses) == 2
    np.testing.assert_allclose(losses[0], loss_of(reward_model, ledger()), rtol=1e-4)  # TRL logs rounded losses
    assert losses[1] < losses[0]


def test_its_reward_trainer_trains_on_what_refine_wrote_with_the_loss_of_the_ledger(
    reward_model: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    pairs = [
        {
            "prompt": f"Question {i}?",
            "chosen": f"An answer to {i}, at length.",
            "rejected": f"No {i}.",
            "category": "odd" if i % 2 else "even",
            "chosen_score_list": ((-2.0 if i < 6 else 1.5) + rng.normal(0, 0.3, 4)).tolist(),
            "rejected_score_list": [0.0] * 4,
        }
        for i in range(30)
    ]
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "rules:\n- {rule: flip, where: {strength: [null, -1]}}\n- rule: adaptive_margin\n"
        "- {rule: drop, where: {strength_quantile: [0.2, 0.4], category: [odd]}}\n"
        "- {rule: tie, where: {strength_quantile: [0.9, 1]}}\n"
    )
    rewardsmith.audit(pairs, ensemble="given", planted_rate=0, quiet=True, output_dir=str(tmp_path / "audit"))
    refined = rewardsmith.refine(tmp_path / "audit", recipe=str(recipe), output_dir=tmp_path / "r", quiet=True)
    known = refined.ledger.filter(pc.not_equal(refined.ledger["target"], pa.scalar(0.5, pa.float32())))
    counts = refined.metrics["pairs"]
    assert counts["num_turned"] == 6 and counts["num_dropped"] > 0 and len(known) == 27
    losses = train_with_trl(reward_model, json_rows(tmp_path / "r" / "train.jsonl", tmp_path), tmp_path / "trained")
    assert len(losses) == 2
    np.testing.assert_allclose(losses[0], loss_of(reward_model, known), rtol=1e-4)
    assert losses[1] < losses[0]
