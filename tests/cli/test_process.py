"""The command as a process of its own: what it prints arrives and its status is told, also beside other processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("world_size", ["1", "2"])
@pytest.mark.parametrize(("words", "status"), [(["--version"], 0), (["no-such-verb"], 2)])
def test_output_arrives_and_the_status_is_told(world_size: str, words: list[str], status: int) -> None:
    end = "import atexit; atexit.register(print, 'the last word'); from rewardsmith.__main__ import run; run()"
    command = [sys.executable, "-c", end, *words]
    environment = {**os.environ, "WORLD_SIZE": world_size}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout.endswith("the last word\n")
    assert ("rewardsmith" in done.stdout) == (status == 0)
    assert ("no-such-verb" in done.stderr) == (status == 2)
