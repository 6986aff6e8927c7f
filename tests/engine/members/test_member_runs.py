"""Members of a `full` ensemble as runs of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from rewardsmith.engine.members import member_memory, member_runs
from rewardsmith.engine.members.member_memory import GIB, affordable
from rewardsmith.engine.members.member_memory import member_memory as memory_of
from rewardsmith.engine.members.member_runs import run_members
from rewardsmith.engine.members.member_training import MemberSpec, finished_member, train_member, write_labels
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.errors import InputError, RunError
from rewardsmith.models.options import LoraOptions, ModelOptions
from tiny_reward_models import pair_table, save_tiny_llama, some_rows

NUM_PAIRS = 24
TRAIN = TrainOptions(learning_rate=1e-3, per_device_train_batch_size=4, logging_steps=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


def member(folder: Path, model: Path, number: int = 0, **changes: object) -> MemberSpec:
    """A run of member ``number`` in a new ensemble of two, the first trained on the first half alone."""
    pairs = folder / "pairs.parquet"
    if not pairs.exists():
        pq.write_table(pair_table(some_rows(NUM_PAIRS)), pairs)
        weights = np.ones((NUM_PAIRS, 2), dtype=np.float32)
        weights[NUM_PAIRS // 2 :, 0] = 0
        write_labels(folder, np.ones(NUM_PAIRS, dtype=np.float32), weights)
    run = MemberSpec(
        folder=str(folder),
        pairs_file=str(pairs),
        number=number,
        order_seed=number,
        start_seed=0,
        model=ModelOptions(model_name_or_path=str(model), max_length=64, device="cpu"),
        train=TRAIN,
    )
    return replace(run, **changes)


def test_a_pair_of_weight_zero_is_judged_and_not_learned_from(model: Path, tmp_path: Path) -> None:
    result = train_member(member(tmp_path, model), quiet=True)
    assert result.metrics["num_pairs"] == NUM_PAIRS // 2
    assert len(result.gaps) == NUM_PAIRS
    assert np.isfinite(result.gaps).all()


def test_a_finished_member_is_read_and_not_trained_again(model: Path, tmp_path: Path) -> None:
    run = member(tmp_path, model)
    first = train_member(run, quiet=True)
    before = run.result_path.stat().st_mtime_ns
    np.testing.assert_array_equal(train_member(run, quiet=True).gaps, first.gaps)
    assert run.result_path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "changes", [{"order_seed": 5}, {"train": replace(TRAIN, learning_rate=1e-4)}, {"lora": LoraOptions(use_peft=True)}]
)
def test_a_result_of_other_options_is_not_taken(changes: dict[str, object], model: Path, tmp_path: Path) -> None:
    run = member(tmp_path, model)
    train_member(run, quiet=True)
    assert finished_member(replace(run, **changes)) is None


def test_a_result_of_other_labels_is_not_taken(model: Path, tmp_path: Path) -> None:
    run = member(tmp_path, model)
    train_member(run, quiet=True)
    write_labels(tmp_path, np.zeros(NUM_PAIRS, dtype=np.float32), np.ones((NUM_PAIRS, 2), dtype=np.float32))
    assert finished_member(run) is None


def test_a_half_written_result_is_no_result(model: Path, tmp_path: Path) -> None:
    run = member(tmp_path, model)
    run.result_path.write_bytes(b"\x00" * 40)
    assert finished_member(run) is None


def test_members_start_alike_and_see_the_pairs_in_another_order(model: Path, tmp_path: Path) -> None:
    alone = {"train": replace(TRAIN, max_steps=1, learning_rate=1e-12)}
    gaps = [result.gaps for result in run_members([member(tmp_path, model, n, **alone) for n in (0, 1)], quiet=True)]
    np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-5)
    trained = run_members([member(tmp_path, model, 1, order_seed=s) for s in (1,)], quiet=True)
    other = run_members([member(tmp_path, model, 1, order_seed=2)], quiet=True)
    assert np.abs(trained[0].gaps - other[0].gaps).max() > 1e-4


def test_no_more_members_at_a_time_than_memory_and_cores_allow(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    run = member(tmp_path, model)
    monkeypatch.setattr(member_memory, "free_memory", lambda device: int(2.5 * memory_of(run)))
    assert affordable(2, run) == 2
    assert affordable(4, run) == 2
    assert f"`parallel_members` 4: there are {2.5 * memory_of(run) / GIB:.1f} GiB of memory" in capsys.readouterr().err
    monkeypatch.setattr(member_memory, "free_memory", lambda device: 10**15)
    assert affordable(8, run) == 4
    assert "there are 4 cores" in capsys.readouterr().err


def test_an_adapter_needs_less_memory_than_full_fine_tuning(model: Path, tmp_path: Path) -> None:
    run = member(tmp_path, model)
    assert memory_of(run) > memory_of(replace(run, lora=LoraOptions(use_peft=True)))


@pytest.mark.slow
def test_processes_give_the_same_members_and_name_the_one_that_fails(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    alone = run_members([member(tmp_path / "one", model, n) for n in (0, 1)], quiet=True)
    apart = run_members([member(tmp_path / "many", model, n) for n in (0, 1)], parallel=2, quiet=True)
    for one, other in zip(alone, apart, strict=True):
        np.testing.assert_allclose(one.gaps, other.gaps, atol=1e-5)
    wrong = member(tmp_path / "many", model, 1, lora=LoraOptions(use_peft=True, lora_target_modules="nowhere"))
    with pytest.raises(RunError, match=r"member 01 of 1: `lora_target_modules` nowhere"):
        run_members([wrong], parallel=2, quiet=True)


@pytest.mark.slow
def test_a_first_member_that_cannot_run_is_an_input_error(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = member(tmp_path, model, lora=LoraOptions(use_peft=True, lora_target_modules="nowhere"))
    with pytest.raises(InputError, match=r"member 00 of 1: `lora_target_modules` nowhere"):
        run_members([wrong], parallel=2, quiet=True)


@pytest.mark.slow
def test_an_interrupt_lets_members_save_before_they_end(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = member(tmp_path, model, train=replace(TRAIN, max_steps=100_000))
    log = run.model_path / "metrics.jsonl"

    def interrupted_once_it_trains(seconds: float) -> None:
        if log.exists():
            raise KeyboardInterrupt
        time.sleep(seconds)

    monkeypatch.setattr(member_runs, "time", SimpleNamespace(sleep=interrupted_once_it_trains))
    with pytest.raises(KeyboardInterrupt):
        run_members([run], parallel=2, quiet=True)
    assert [path.name[:5] for path in run.checkpoints_path.iterdir()] == ["step-"]


PARENT = """
import sys
from pathlib import Path
from types import SimpleNamespace
sys.path[:0] = [{tests!r}, {engine!r}]
from test_member_runs import TRAIN, member
from dataclasses import replace
from rewardsmith.engine.members.member_runs import run_members
from rewardsmith.engine.training.options import CheckpointOptions
run = member(Path({folder!r}), Path({model!r}), train=replace(TRAIN, max_steps={steps}),
             checkpoints=CheckpointOptions(save_steps=5))
run_members([run], parallel=2)
"""


@pytest.mark.slow
def test_a_killed_run_takes_its_members_with_it_and_goes_on_from_their_checkpoints(model: Path, tmp_path: Path) -> None:
    steps = 400
    here = Path(__file__)
    script = PARENT.format(
        tests=str(here.parents[2]), engine=str(here.parent), folder=str(tmp_path), model=str(model), steps=steps
    )
    member(tmp_path, model)
    parent = subprocess.Popen([sys.executable, "-c", script])
    checkpoints = tmp_path / "00" / "checkpoints"
    deadline = time.monotonic() + 120
    while not any(checkpoints.glob("step-*")):
        assert parent.poll() is None, "the run ended before it had saved anything"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    log = tmp_path / "00" / "metrics.jsonl"
    time.sleep(1)
    size = log.stat().st_size
    time.sleep(1)
    assert log.stat().st_size == size, "the member is still training"
    assert max(int(path.name[5:]) for path in checkpoints.glob("step-*")) < steps
    long = {"train": replace(TRAIN, max_steps=steps), "checkpoints": CheckpointOptions(save_steps=5)}
    resumed = train_member(member(tmp_path, model, **long), quiet=True)
    (tmp_path / "whole").mkdir()
    whole = train_member(member(tmp_path / "whole", model, **long), quiet=True)
    np.testing.assert_allclose(resumed.gaps, whole.gaps, atol=1e-4)


def test_on_a_graphics_processor_its_own_memory_counts(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = member(tmp_path, model)
    monkeypatch.setattr(member_memory, "choose_device", lambda device: "cuda")
    monkeypatch.setattr(member_memory, "free_memory", lambda device: 2 * memory_of(run) if device == "cuda" else 0)
    assert affordable(3, run) == 2
    assert "GiB of memory" in capsys.readouterr().err
