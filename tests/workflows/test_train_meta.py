"""`train` with samples: what it says, what it writes, and what leaves the run as it would have been without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import run_train
from tiny_reward_models import sample_rows, some_rows

META = {"meta_samples": 3, "meta_batch_size": 2, "meta_step_size": 0.05}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in sample_rows(5, 4)))
    return path


def trained(model: Path, out: Path, **options: Any) -> dict[str, torch.Tensor]:
    values = {
        "model_name_or_path": str(model),
        "max_length": 128,
        "device": "cpu",
        "learning_rate": 3e-3,
        "max_steps": 3,
        "logging_steps": 1,
        "output_dir": str(out),
        **options,
    }
    run_train(build_config(TrainConfig, values), some_rows(12))
    weights = next(out.glob("*model.safetensors"))
    return load_file(weights)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


LORA = {"use_peft": True, "lora_r": 4, "lora_dropout": 0.2, "selective_checkpointing": "on"}


@pytest.mark.parametrize("options", [{}, LORA, {"dropout": 0.1}], ids=["full", "adapters with dropout", "dropout"])
def test_size_zero_is_a_plain_run_to_the_bit(
    tiny_llama: Path, samples: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    plain = trained(tiny_llama, tmp_path / "plain", **options)
    still = trained(
        tiny_llama, tmp_path / "still", meta_dataset=str(samples), **{**META, "meta_step_size": 0.0}, **options
    )
    moved = trained(tiny_llama, tmp_path / "moved", meta_dataset=str(samples), **META, **options)
    assert same(plain, still) and not same(plain, moved)


@pytest.mark.parametrize(
    "options",
    [{"meta_objective": "standardised"}, {}, LORA, {"train_layers": 1}],
    ids=["standardised", "spread", "adapters", "top block"],
)
def test_packed_is_padded_and_cuts_change_nothing(
    tiny_llama: Path, samples: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    all_pairs = {"per_device_train_batch_size": 12}  # padding would order several steps by length
    options = {**META, "meta_dataset": str(samples), **options, **all_pairs, "lora_dropout": 0.0}
    packed = trained(tiny_llama, tmp_path / "packed", **options)
    padded = trained(tiny_llama, tmp_path / "padded", packing="off", **options)
    cut = trained(tiny_llama, tmp_path / "cut", max_tokens_per_batch=90, **options)
    for other in (padded, cut):  # Adam divides by the size of a gradient, so rounding of the smallest ones shows
        assert max((packed[name] - other[name]).abs().max().item() for name in packed) < 2e-4


def test_what_it_writes(tiny_llama: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(samples.read_text() + '{"prompt": "red", "responses": ["one"]}\n')
    trained(tiny_llama, tmp_path / "out", meta_dataset=str(path))
    (line, *_) = lines(tmp_path / "out")
    assert {name for name in line if name.startswith("meta_")} == {
        "meta_objective",
        "meta_standardised",
        "meta_within_prompt_std",
        "meta_head_share",
        "meta_head_scaling",
        "meta_gradient_cosine",
        "meta_accuracy",
    }
    assert all(isinstance(line[name], float) for name in line if name.startswith("meta_"))
    said = capsys.readouterr().err
    assert "Each step moves the weights by 4 responses to each of 5 of 5 meta prompts." in said
    assert "1 of 6 rows of samples cannot be used: 1 missing_field." in said
    assert said.index("see meta_quarantine.jsonl") < said.index("Each step")
    (bad,) = [json.loads(row) for row in (tmp_path / "out" / "meta_quarantine.jsonl").read_text().splitlines()]
    assert bad["reason"] == "missing_field" and bad["line"] == 6
    manifest = read_manifest(tmp_path / "out")
    assert f"meta: {path}" in manifest["inputs"] and "meta_quarantine.jsonl" in manifest["outputs"]


def test_what_is_said_of_samples_that_are_cut_or_only_measured(
    tiny_llama: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tiny_llama, tmp_path / "out", meta_dataset=str(samples), max_length=8, max_steps=1, meta_step_size=0.0)
    said = capsys.readouterr().err
    assert "Each step measures 4 responses to each of 5 of 5 meta prompts." in said
    assert "20 samples (100.0%) are cut on the left (`max_length`)." in said


def test_a_killed_run_goes_on_to_the_same_bits(
    tiny_llama: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"meta_dataset": str(samples), **META, **LORA, "max_steps": 8, "save_steps": 2}
    whole = trained(tiny_llama, tmp_path / "whole", **options)
    log = MetricsLog.log

    def killing(self: MetricsLog, **fields: Any) -> None:
        log(self, **fields)
        if fields["step"] == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MetricsLog, "log", killing)
        trained(tiny_llama, tmp_path / "killed", **options)
    assert same(trained(tiny_llama, tmp_path / "killed", **options), whole)
    both = [[line["meta_objective"] for line in lines(tmp_path / name)] for name in ("whole", "killed")]
    assert both[0] == both[1] and len(both[0]) == 8


def test_samples_of_evaluation_prompts_are_said(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in some_rows(8, seed=5)))
    trained(tiny_llama, tmp_path / "out", meta_dataset=str(path), eval_dataset_name=str(path))
    assert "2 of 2 evaluation prompts are also among the samples of pairs" in capsys.readouterr().err


def test_options_that_nothing_reads_are_refused(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`meta_step_size` 0.1: there are no samples to move the weights by"):
        trained(tiny_llama, tmp_path / "out", meta_step_size=0.1)
    for options, message in [
        ({"meta_samples": 1}, "`meta_samples` 1 must be at least 2"),
        ({"meta_batch_size": 0}, "`meta_batch_size` 0 must be at least 1"),
        ({"meta_step_size": -0.1}, "`meta_step_size` -0.1 must be at least 0; `meta_direction` turns it round"),
    ]:
        with pytest.raises(ConfigError, match=message):
            trained(tiny_llama, tmp_path / "out", meta_dataset="samples.jsonl", **options)


def test_samples_that_cannot_be_read_are_an_error_before_anything_is_written(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.jsonl does not exist"):
        trained(tiny_llama, tmp_path / "out", meta_dataset="nowhere.jsonl")
    assert not (tmp_path / "out").exists()
