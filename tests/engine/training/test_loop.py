"""The training loop: what it learns, what it does not depend on, and when it stops."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.batches.encoded_pairs import encode_pairs
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import TrainOutcome, train
from rewardsmith.engine.training.optimizers import parameter_groups, rate_factor
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.errors import RunError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows

FAST = {"learning_rate": 3e-3, "warmup_ratio": 0.0, "lr_scheduler_type": "constant"}


def run(
    folder: Path, rows: list[dict[str, Any]], seed: int = 0, log: MetricsLog | None = None, **changes: Any
) -> tuple[Any, TrainOutcome]:
    options = TrainOptions(**{**FAST, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    module = RewardModule(new_reward_model(source, tokenizer, seed))
    encoder = ConversationEncoder(tokenizer, 128)
    pairs = encode_pairs(encoder, pair_table(rows), quiet=True)
    accelerator = make_accelerator("cpu")
    source = PairSource(
        pairs,
        batch_form(module.model, encoder, options.packing),
        pairs_per_step=options.per_device_train_batch_size * options.gradient_accumulation_steps,
        max_tokens=options.max_tokens_per_batch,
        seed=seed,
        num_epochs=options.num_train_epochs,
        max_steps=options.max_steps,
    )
    outcome = train(module, source, RewardStep(options.center_rewards_coefficient), options, accelerator, log)
    return module.model, outcome


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def largest_difference(one: Any, other: Any) -> float:
    return (weights(one) - weights(other)).abs().max().item()


def test_overfits_sixteen_random_pairs(tiny_llama: Path) -> None:
    _, outcome = run(tiny_llama, some_rows(16), max_steps=30)
    assert outcome.last["accuracy"] == 1.0
    assert outcome.last["loss"] is not None and outcome.last["loss"] < 0.05


def test_overfits_to_margin_plus_logit_of_the_target(tiny_llama: Path) -> None:
    rows = [{**row, "target": 0.9, "margin": 0.5} for row in some_rows(4)]
    _, outcome = run(tiny_llama, rows, max_steps=80, per_device_train_batch_size=4)
    # Adam with a constant rate keeps circling the optimum; a wrong one would be off by 0.5 (margin) or 2.2 (target).
    assert outcome.last["gap_mean"] == pytest.approx(0.5 + math.log(9), abs=0.1)


def test_accumulation_equals_one_big_batch(tiny_llama: Path) -> None:
    rows = [{**row, "weight": 0.5 + i % 3} for i, row in enumerate(some_rows(24))]
    big, _ = run(tiny_llama, rows, per_device_train_batch_size=12, center_rewards_coefficient=0.01)
    parts, _ = run(
        tiny_llama,
        rows,
        per_device_train_batch_size=3,
        gradient_accumulation_steps=4,
        max_tokens_per_batch=120,
        center_rewards_coefficient=0.01,
    )
    assert largest_difference(big, parts) < 2e-5


def test_same_seed_gives_the_same_weights_and_another_seed_others(tiny_llama: Path) -> None:
    first, again, other = (run(tiny_llama, some_rows(16), seed=seed)[0] for seed in (3, 3, 4))
    assert largest_difference(first, again) == 0.0
    assert largest_difference(first, other) > 1e-3


def test_pairs_of_weight_zero_might_as_well_be_absent(tiny_llama: Path) -> None:
    rows = some_rows(20)
    present, _ = run(tiny_llama, [{**row, "weight": float(i % 5 > 0)} for i, row in enumerate(rows)])
    absent, _ = run(tiny_llama, [row for i, row in enumerate(rows) if i % 5 > 0])
    assert largest_difference(present, absent) == 0.0


def test_swapped_pair_of_target_zero_teaches_the_same(tiny_llama: Path) -> None:
    rows = some_rows(16)
    swapped = [{**row, "chosen": row["rejected"], "rejected": row["chosen"], "target": 0.0} for row in rows]
    # Adam divides by the size of a gradient, so rounding of the smallest ones shows.
    assert largest_difference(run(tiny_llama, rows)[0], run(tiny_llama, swapped)[0]) < 1e-4


def test_centring_pulls_the_mean_reward_to_zero(tiny_llama: Path) -> None:
    plain = run(tiny_llama, some_rows(16), max_steps=60)[1].last["mean_reward"]
    centred = run(tiny_llama, some_rows(16), max_steps=60, center_rewards_coefficient=0.1)[1].last["mean_reward"]
    assert plain is not None and centred is not None
    assert abs(centred) < 0.2 and abs(centred) < abs(plain)


def test_margin_that_is_not_finite_stops_the_run_and_names_the_pair(tiny_llama: Path) -> None:
    rows = some_rows(16)
    rows[5]["margin"] = math.nan
    with pytest.raises(RunError, match=r"the loss is not a finite number, for 1 of 8 pairs: row 5 \(pair-5\)"):
        run(tiny_llama, rows)


def test_diverged_weights_stop_the_run(tiny_llama: Path) -> None:
    with pytest.raises(RunError, match=r"for \d of \d pairs.*lower `learning_rate`"):
        run(tiny_llama, some_rows(16), learning_rate=1e25, max_steps=4)


def test_log_has_a_line_every_few_steps_and_the_last(tiny_llama: Path, tmp_path: Path) -> None:
    run(tiny_llama, some_rows(40), log=MetricsLog(tmp_path / "metrics.jsonl"), logging_steps=2)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5]
    assert lines[-1]["epoch"] == 1.0
    expected = {
        "step",
        "epoch",
        "learning_rate",
        "grad_norm",
        "loss",
        "accuracy",
        "gap_mean",
        "mean_reward",
        "within_prompt_std",
    }
    assert set(lines[0]) == expected | {"pairs_per_s", "tokens_per_s", "max_memory_gib"}
    assert 0.05 < lines[0]["max_memory_gib"] < 50


def test_progress_counts_every_pair(tiny_llama: Path) -> None:
    _, outcome = run(tiny_llama, some_rows(21), num_train_epochs=2.0)
    assert outcome.counts["pairs"] == 42 and outcome.num_steps == 6 and outcome.per_s("pairs") > 0


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_learning_rate_rises_to_its_peak_and_never_is_zero(kind: str) -> None:
    options = TrainOptions(warmup_ratio=0.2, lr_scheduler_type=kind)  # type: ignore[arg-type]
    factors = [rate_factor(done, 10, options) for done in range(10)]
    assert factors[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert all(0 < factor <= 1 for factor in factors)
    assert (factors[-1] < 0.2) == (kind != "constant")


def test_only_matrices_decay() -> None:
    decayed, free = parameter_groups(torch.nn.Linear(2, 3), weight_decay=0.1)
    assert [p.ndim for p in decayed["params"]] == [2] and decayed["weight_decay"] == 0.1
    assert [p.ndim for p in free["params"]] == [1] and free["weight_decay"] == 0.0
