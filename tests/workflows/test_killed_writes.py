"""Whatever write a kill comes before, the result is then finished, resumed or replaced by the same command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")]

VERBS = (
    *("simulate,audit", "refine,undo,export,export_folder"),
    *("train,evaluate", "score,score_parquet,judge", "sample,imitate", "iterate"),
)
"""Those in one process read the same files; most of a process is imports."""


@pytest.mark.parametrize("verbs", VERBS)
def test_killed_at_each_write_the_same_command_ends_as_if_it_had_not_been(verbs: str, tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("killed_writes.py")), verbs, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    tried = json.loads(done.stdout.splitlines()[-1])
    assert list(tried) == verbs.split(",")
    for verb, counts in tried.items():
        assert counts["new"] >= 4 and counts["overwrite"] >= 4, verb
        assert verb != "iterate" or counts["in_a_row"] >= 4
