"""Parts of an output file: only whole ones of the same work count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rewardsmith.artifacts.files.partial import partial_path
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.errors import OutputError


def test_a_part_counts_once_its_record_is_there(tmp_path: Path) -> None:
    parts = PartsFolder(tmp_path / "out.jsonl")
    parts.folder.mkdir()
    part = parts.path(3, "a" * 64)
    assert part.parent == tmp_path / "out.jsonl.parts" and part.suffix == ".jsonl"
    part.write_text("{}")
    assert parts.finished(part) is None
    parts.finish(part, {"rows": 1})
    assert parts.finished(part) == {"rows": 1}
    assert parts.finished(parts.path(3, "b" * 64)) is None and parts.finished(parts.path(4, "a" * 64)) is None
    part.unlink()
    assert parts.finished(part) is None


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    parts = PartsFolder(tmp_path / "out.jsonl")
    parts.folder.mkdir()
    part = parts.path(0, "a")
    part.write_text("{}")
    parts.finish(part, {})
    next(parts.folder.glob("*.record.json")).write_text('{"rows')
    assert parts.finished(part) is None


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="Choose another `output_file`"),
        PartsFolder(tmp_path / "file" / "out.jsonl").opened(),
    ):
        pass


def test_another_process_is_kept_out(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from rewardsmith.artifacts.files.partial import partial_path
from rewardsmith.artifacts.files.parts import PartsFolder
with PartsFolder(Path({str(tmp_path / "out.jsonl")!r})).opened(): pass
"""
    parts = PartsFolder(tmp_path / "out.jsonl")
    with parts.opened():
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert "is in use" in other.stderr.splitlines()[-1]
        parts.path(0, "a").write_text("{}")
    assert [path.name for path in parts.folder.iterdir()] == ["000000-a.jsonl"]
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_run_that_finished_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), PartsFolder(tmp_path / "out.jsonl").opened():
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_all_parts_go_together(tmp_path: Path) -> None:
    parts = PartsFolder(tmp_path / "out.jsonl")
    parts.folder.mkdir()
    parts.path(0, "a").write_text("{}")
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_half_written_goes_first(tmp_path: Path) -> None:
    parts = PartsFolder(tmp_path / "out.jsonl")
    parts.folder.mkdir()
    half = [partial_path(parts.path(0, "a")), partial_path(tmp_path / "out.jsonl")]
    for path in half:
        path.touch()
    others = partial_path(tmp_path / "other.jsonl")
    others.touch()
    with parts.opened():
        assert not any(path.exists() for path in half) and others.exists()


def test_parts_of_an_output_that_is_there_go_unless_one_is_newer(tmp_path: Path) -> None:
    parts = PartsFolder(tmp_path / "out.jsonl")
    parts.remove_if_joined()
    parts.folder.mkdir()
    part = parts.path(0, "a")
    part.write_text("{}")
    parts.remove_if_joined()
    assert part.exists()
    (tmp_path / "out.jsonl").write_text("{}")
    os.utime(part, (2e9, 2e9))
    parts.remove_if_joined()
    assert part.exists()
    os.utime(part, (1e9, 1e9))
    parts.remove_if_joined()
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
