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


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("kind", ["FutureWarning", "UserWarning"])
def test_what_libraries_warn_of_is_shown_to_those_who_ask(kind: str, asked: bool) -> None:
    verb = f"warnings.warn('an old name', {kind}); return 0"
    start = f"import warnings, rewardsmith.__main__ as m\ndef main(): {verb}\nm.main = main\nm.run()"
    command = [sys.executable, *(["-W", "default"] if asked else []), "-c", start]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ("an old name" in done.stderr) == asked
