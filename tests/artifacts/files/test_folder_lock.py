"""One process at a time in a folder, and no lock outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rewardsmith.artifacts.files.folder_lock import LOCK, FolderLock
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import OutputError

OPENS_A_RUN = """
import sys
from rewardsmith.artifacts.runs.run_folder import RunFolder
folder = RunFolder.open(sys.argv[1], "train", {}, {})
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def a_run_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OPENS_A_RUN, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_two_runs_in_one_folder_are_one_too_many_until_the_first_is_killed(tmp_path: Path) -> None:
    with a_run_elsewhere(tmp_path / "run") as process:
        with pytest.raises(OutputError, match=f"in use: process {process.pid} on .*is writing to it"):
            RunFolder.open(tmp_path / "run", "train", {}, {})
        with pytest.raises(OutputError, match="in use"):
            RunFolder.open(tmp_path / "run", "train", {}, {}, overwrite=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        folder = RunFolder.open(tmp_path / "run", "train", {}, {})
    assert folder.resumed
    folder.finish()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["manifest.json"]


def test_a_process_takes_its_own_folder_again(tmp_path: Path) -> None:
    assert not RunFolder.open(tmp_path, "train", {}, {}).resumed
    assert RunFolder.open(tmp_path, "train", {}, {}).resumed


def test_a_folder_is_free_when_all_who_took_it_have_released_it(tmp_path: Path) -> None:
    lock, again = FolderLock.take(tmp_path), FolderLock.take(tmp_path)
    lock.release()
    assert (tmp_path / LOCK).exists()
    again.release()
    assert not (tmp_path / LOCK).exists()


def test_a_run_that_failed_keeps_nobody_out(tmp_path: Path) -> None:
    def fails() -> None:
        folder = RunFolder.open(tmp_path / "run", "train", {}, {})
        raise ZeroDivisionError(folder.path)

    with pytest.raises(ZeroDivisionError):
        fails()
    with a_run_elsewhere(tmp_path / "run"):
        pass


def test_a_refused_run_leaves_no_lock_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds no run"):
        RunFolder.open(tmp_path, "train", {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
