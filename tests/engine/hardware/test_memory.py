"""Memory that a process can have: the machine's, or what its control groups leave."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from rewardsmith.engine.hardware import memory
from rewardsmith.engine.hardware.memory import available_memory, total_memory

MIB = 2**20


def control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, membership: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "membership").write_text(membership)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")


@pytest.mark.parametrize("files", [{}, {"a/memory.max": "max\n", "a/memory.current": "7", "a/memory.stat": ""}])
def test_without_a_limit_it_is_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    control_groups(tmp_path, monkeypatch, "0::/a\n", files)
    assert total_memory() == psutil.virtual_memory().total
    assert available_memory() > 100 * MIB


def test_the_tightest_limit_of_all_groups_around_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "a/memory.max": str(50 * MIB),
        "a/memory.current": str(30 * MIB),
        "a/memory.stat": f"anon 1\ninactive_file {5 * MIB}\n",
        "a/b/memory.max": str(60 * MIB),
        "a/b/memory.current": str(10 * MIB),
        "a/b/memory.stat": "anon 1\n",
    }
    control_groups(tmp_path, monkeypatch, "0::/a/b\n", files)
    assert total_memory() == 50 * MIB
    assert available_memory() == 25 * MIB  # what is only read from files can be given up


def test_in_a_container_the_groups_path_is_that_of_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "memory/memory.limit_in_bytes": str(50 * MIB),
        "memory/memory.usage_in_bytes": str(60 * MIB),
        "memory/memory.stat": f"total_inactive_file {MIB}\n",
    }
    control_groups(tmp_path, monkeypatch, "9:name=systemd:/x\n4:cpu,memory:/docker/0af\n0::/\n", files)
    assert total_memory() == 50 * MIB
    assert available_memory() == 0


def test_a_system_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "none")
    assert total_memory() == psutil.virtual_memory().total
