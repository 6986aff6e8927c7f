"""Several processes learn what one does, sharded or not, and go on where another number of them stopped."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training.corrections.data_smoothing import SMOOTHED_LABELS
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import run_train
from tiny_reward_models import sample_rows, some_rows

pytestmark = pytest.mark.distributed

NUM_PAIRS = 25  # the last step of an epoch has one pair
OPTIONS = {
    "device": "cpu",
    "max_length": 128,
    "learning_rate": 3e-3,
    "num_train_epochs": 5.0,
    "logging_steps": 1,
    "save_steps": 2,
    "selective_checkpointing": "on",
    "max_tokens_per_batch": 200,  # several micro-batches in a step, so that every process has work
    "quiet": True,
}
# Adam divides by the size of a gradient, so rounding of the smallest ones shows.
TOLERANCE = 2e-4
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
    "accelerate": [
        *("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"),
    ],
    "fsdp2": [
        *("accelerate.commands.launch", "--use_fsdp", "--fsdp_version", "2", "--num_processes", "2"),
        *("--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP", "--num_machines", "1", "--mixed_precision", "no"),
        *("--dynamo_backend", "no", "--main_process_port", "0"),
    ],
}


def alone(model: Path, data: Path, out: Path, **more: Any) -> Path:
    values = {**OPTIONS, **more, "model_name_or_path": str(model), "dataset_name": str(data), "output_dir": str(out)}
    run_train(build_config(TrainConfig, {**values, "per_device_train_batch_size": 8}))
    return out


def start(launcher: str, *program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *LAUNCHERS[launcher], *program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def start_two(launcher: str, model: Path, data: Path, out: Path) -> subprocess.Popen[str]:
    options = {**OPTIONS, "model_name_or_path": model, "output_dir": out, "per_device_train_batch_size": 4}
    flags = [(f"--{name}",) if value is True else (f"--{name}", str(value)) for name, value in options.items()]
    return start(launcher, "-m", "rewardsmith", "train", str(data), *(word for flag in flags for word in flag))


def ended(process: subprocess.Popen[str]) -> str:
    """What two processes printed."""
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return output


def largest_difference(one: Path, other: Path) -> float:
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "prefs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in some_rows(NUM_PAIRS)))
    return path


@pytest.fixture(scope="module")
def one(tiny_llama: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in a single process."""
    return alone(tiny_llama, data, tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Options by which one process and two are compared."""
    folder = tmp_path_factory.mktemp("settings")
    other, samples = folder / "other.jsonl", folder / "samples.jsonl"
    for file, rows in ((other, some_rows(21, seed=1)), (samples, sample_rows(5, 4))):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    contrast = {"contrastive": "swav", "contrast_on": "differences", "contrast_queue_steps": 2, "num_train_epochs": 3.0}
    meta = {"meta_samples": 3, "meta_batch_size": 3, "meta_objective": "standardised"}
    return {
        "dropout": {"dropout": 0.2},
        "corrections": {"data_smoothing": 0.3, "batch_margin": 0.5, "norm_bt": True},
        "contrast in two passes": {**contrast, "max_tokens_per_batch": 400},
        "contrast in one pass": {**contrast, "max_tokens_per_batch": 4096},
        "measured": {"eval_dataset_name": str(other), "eval_steps": 4},
        "moved by samples": {"meta_dataset": str(samples), **meta},
    }


@pytest.fixture(scope="module")
def by_one(
    tiny_llama: Path, data: Path, settings: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder for each of the settings, trained by this process."""
    folder = tmp_path_factory.mktemp("by-one")
    for name, options in settings.items():
        alone(tiny_llama, data, folder / name, **options)
    return folder


@pytest.fixture(scope="module", params=["torchrun", "fsdp2"])
def by_two(
    request: pytest.FixtureRequest,
    tiny_llama: Path,
    data: Path,
    settings: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The same, trained by two processes."""
    folder = tmp_path_factory.mktemp("by-two")
    common = {"model_name_or_path": str(tiny_llama), "dataset_name": str(data), "per_device_train_batch_size": 4}
    runs = [{**OPTIONS, **common, **options, "output_dir": str(folder / name)} for name, options in settings.items()]
    (folder / "options.json").write_text(json.dumps(runs))
    ended(start(request.param, str(Path(__file__).with_name("trained_together.py")), str(folder / "options.json")))
    return folder


def lines_of(*folders: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The lines of two logs, side by side."""
    logs = [(folder / "metrics.jsonl").read_text().splitlines() for folder in folders]
    for line, other in zip(*logs, strict=True):
        yield json.loads(line), json.loads(other)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_learn_what_one_does(
    tiny_llama: Path, data: Path, one: Path, tmp_path: Path, launcher: str
) -> None:
    output = ended(start_two(launcher, tiny_llama, data, tmp_path / "two"))
    assert output.count("Saved to") == 1
    assert largest_difference(one, tmp_path / "two") < TOLERANCE
    for line, other in lines_of(one, tmp_path / "two"):
        for name in ("loss", "grad_norm", "gap_mean"):
            assert line[name] == pytest.approx(other[name], rel=1e-3, abs=1e-4)


def test_two_processes_drop_what_one_does(one: Path, by_one: Path, by_two: Path) -> None:
    assert largest_difference(by_one / "dropout", by_two / "dropout") < TOLERANCE
    assert largest_difference(by_one / "dropout", one) > 10 * TOLERANCE


def test_two_processes_change_labels_and_margins_as_one_does(by_one: Path, by_two: Path) -> None:
    folders = [folder / "corrections" for folder in (by_one, by_two)]
    assert largest_difference(*folders) < TOLERANCE
    labels = [pq.read_table(folder / SMOOTHED_LABELS).to_pandas() for folder in folders]
    assert (labels[0]["target"] - labels[0]["target_given"]).abs().min() > 0.01
    assert labels[0]["target"].to_numpy() == pytest.approx(labels[1]["target"].to_numpy(), abs=1e-4)
    assert labels[0]["pair_id"].equals(labels[1]["pair_id"])


@pytest.mark.parametrize("passes", ["two passes", "one pass"])
def test_two_processes_contrast_what_one_does(one: Path, by_one: Path, by_two: Path, passes: str) -> None:
    folders = [folder / f"contrast in {passes}" for folder in (by_one, by_two)]
    assert largest_difference(*folders) < TOLERANCE
    for line, other in lines_of(*folders):
        for name in ("contrastive_loss", "grad_norm", "uniformity", "alignment"):
            assert line[name] == pytest.approx(other[name], rel=1e-3, abs=1e-4)
    saved = [set(load_file(folder / "model.safetensors")) for folder in (one, folders[1])]
    assert saved[0] == saved[1]  # prototypes are no part of a model


def test_two_processes_measure_what_one_does_and_learn_on(one: Path, by_one: Path, by_two: Path) -> None:
    measured = []
    for folder in (by_one / "measured", by_two / "measured"):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        measured.append(
            {line["step"]: (line["eval_accuracy"], line["eval_loss"]) for line in lines if "eval_loss" in line}
        )
        assert largest_difference(one, folder) < TOLERANCE, "measuring changes nothing"
    assert list(measured[0]) == [4, 8, 12, 16, 20]
    for step, found in measured[0].items():
        assert found == pytest.approx(measured[1][step], abs=1e-3)


def test_two_processes_are_moved_by_samples_as_one_is(one: Path, by_one: Path, by_two: Path) -> None:
    folders = [folder / "moved by samples" for folder in (by_one, by_two)]
    assert largest_difference(*folders) < TOLERANCE
    assert largest_difference(folders[0], one) > 10 * TOLERANCE
    for line, other in lines_of(*folders):
        for name in (name for name in line if name.startswith("meta_")):
            assert line[name] == pytest.approx(other[name], rel=1e-2, abs=1e-3), name


@pytest.mark.parametrize("launcher", ["torchrun", "fsdp2"])
def test_one_process_goes_on_where_two_were_killed(
    tiny_llama: Path, data: Path, one: Path, tmp_path: Path, launcher: str
) -> None:
    out = tmp_path / "run"
    process = start_two(launcher, tiny_llama, data, out)
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "step-000006").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    for worker in [*psutil.Process(process.pid).children(recursive=True), process]:
        worker.kill()
    process.communicate()
    assert not (out / "manifest.json").exists(), "it had finished before it was killed"
    alone(tiny_llama, data, out)
    assert largest_difference(one, out) < TOLERANCE
    assert read_manifest(out)["config"]["per_device_train_batch_size"] == 8


@pytest.mark.parametrize("launcher", ["torchrun", "fsdp2"])
def test_two_processes_go_on_where_one_was_killed(
    tiny_llama: Path, data: Path, one: Path, tmp_path: Path, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    log = MetricsLog.log

    def killing(self: MetricsLog, **fields: Any) -> None:
        log(self, **fields)
        if fields["step"] == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(MetricsLog, "log", killing)
    with pytest.raises(KeyboardInterrupt):
        alone(tiny_llama, data, out)
    gc.collect()  # the failed run gives its folder free
    ended(start_two(launcher, tiny_llama, data, out))
    assert largest_difference(one, out) < TOLERANCE
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 20
