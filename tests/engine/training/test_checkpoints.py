"""Checkpoints are whole or absent, and damage is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from full_disk import files_of_at_most
from rewardsmith.engine.training.checkpoints import Checkpoint, Checkpoints
from rewardsmith.errors import ConfigError, OutputError, RunError


def save(checkpoints: Checkpoints, *steps: int, size: int = 3) -> None:
    for step in steps:
        checkpoints.save(step, {"model": {"a.weight": torch.full((size,), float(step))}}, {"loss": 0.1 * step})


def newest(checkpoints: Checkpoints) -> Checkpoint:
    found = checkpoints.newest()
    assert found is not None
    return found


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    assert checkpoints.newest() is None
    save(checkpoints, 7)
    found = newest(checkpoints)
    assert found.step == 7 and found.state == {"loss": 0.1 * 7} and found.path.name == "step-000007"
    assert torch.equal(found.tensors("model")["a.weight"], torch.full((3,), 7.0))


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every=1, keep=2)
    save(checkpoints, 1, 2, 1_000_000)
    assert [path.name for path in checkpoints.paths()] == ["step-000002", "step-1000000"]
    assert newest(checkpoints).step == 1_000_000


def test_what_an_interruption_left_takes_no_place_of_those_that_are_due(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every=2, keep=3)
    save(checkpoints, 6, 8, 9, 10, 11)
    assert [path.name for path in checkpoints.paths()] == ["step-000008", "step-000010", "step-000011"]
    assert newest(checkpoints).step == 11
    save(checkpoints, 12)
    assert [path.name for path in checkpoints.paths()] == ["step-000008", "step-000010", "step-000012"]


@pytest.mark.parametrize("file", ["model.safetensors", "state.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "lost"])
def test_a_damaged_one_is_passed_over_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, damage: str
) -> None:
    checkpoints = Checkpoints(tmp_path, every=1)
    save(checkpoints, 1, 2)
    victim = tmp_path / "step-000002" / file
    content = victim.read_bytes()
    if damage == "lost":
        victim.unlink()
    else:
        victim.write_bytes(content[:-5] + b"00000" if damage == "changed" else content[: len(content) // 2])
    assert newest(checkpoints).step == 1
    assert "step-000002 cannot be used" in capsys.readouterr().err
    assert "step-000001, is whole" in checkpoints.last_good()
    save(checkpoints, 2)
    assert newest(checkpoints).step == 2


def test_a_damaged_newer_one_goes_when_the_run_has_gone_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every=5, keep=2)
    save(checkpoints, 10, 20)
    (tmp_path / "step-000020" / "state.json").unlink()
    save(checkpoints, 15)
    assert [path.name for path in checkpoints.paths()] == ["step-000010", "step-000015"]


def test_what_a_kill_left_half_written_is_never_read(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)
    (tmp_path / ".partial-0123-step-000002").mkdir()
    assert newest(checkpoints).step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]


@pytest.mark.parametrize("num_bytes", [0, 1000, 50_000])
def test_a_full_disk_leaves_the_last_one_whole_and_says_so(tmp_path: Path, num_bytes: int) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)
    with files_of_at_most(num_bytes), pytest.raises(RunError, match=r"no space left.*step-000001, is whole"):
        save(checkpoints, 2, size=100_000)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
    assert newest(checkpoints).step == 1


def test_a_place_that_cannot_be_written_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be made there.*No checkpoint had been saved"):
        save(Checkpoints(tmp_path / "file" / "c"), 1)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    save(Checkpoints(tmp_path, work={"pairs in a step": 8}), 1)
    with pytest.raises(ConfigError, match="pairs in a step 8 -> 16"):
        Checkpoints(tmp_path, work={"pairs in a step": 16}).newest()


def test_when_one_is_due() -> None:
    every_third = Checkpoints(Path("unused"), every=3)
    assert [step for step in range(1, 8) if every_third.due(step)] == [3, 6]
    assert not any(Checkpoints(Path("unused"), every=0).due(step) for step in range(1, 8))
