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
    *("simulate", "audit", "refine", "undo", "export", "export_folder"),
    *("train", "evaluate", "sample", "score", "score_parquet", "judge", "iterate", "imitate"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_killed_at_each_write_the_same_command_ends_as_if_it_had_not_been(verb: str, tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("killed_writes.py")), verb, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["new"] >= 4 and counts["overwrite"] >= 4
    assert verb != "iterate" or counts["in_a_row"] >= 4
