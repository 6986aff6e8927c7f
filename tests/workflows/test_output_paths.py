"""Where a run writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewardsmith.errors import ConfigError
from rewardsmith.workflows.outputs.output_paths import default_output, refuse_inputs


@pytest.mark.parametrize(("name", "folder"), [("owner/set", "owner-set"), ("../..", "set"), ("a" * 99, "a" * 60)])
def test_the_usual_place_is_one_folder_below_runs(name: str, folder: str) -> None:
    assert default_output("audit", name) == Path("runs") / f"audit-{folder}"


def test_no_run_writes_over_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text("{}")
    for output in (tmp_path / "set.jsonl", tmp_path, tmp_path / "x" / ".." / "set.jsonl"):
        with pytest.raises(ConfigError, match="is read from there and would be replaced"):
            refuse_inputs("--output_dir", output, [tmp_path / "set.jsonl"])
    refuse_inputs("--output_dir", tmp_path / "other", [tmp_path / "set.jsonl", "owner/set", tmp_path / "other"])
