"""What a killed process left unfinished goes; what a living one writes stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rewardsmith.artifacts.files.atomic import atomic_folder, atomic_path
from rewardsmith.artifacts.files.partial import is_partial, partial_path, remove_abandoned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="cannot tell there")


def left_by_a_killed_process(target: Path, writer: str) -> Path:
    script = f"""
import os
from pathlib import Path
from rewardsmith.artifacts.files.atomic import atomic_folder, atomic_path
with {writer}(Path({str(target)!r})) as path:
    (path / "half" if path.is_dir() else path).write_text("half")
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    [left] = [path for path in target.parent.iterdir() if is_partial(path)]
    return left


@pytest.mark.parametrize(("writer", "atomic"), [("atomic_path", atomic_path), ("atomic_folder", atomic_folder)])
def test_only_what_nobody_writes_any_more_is_removed(tmp_path: Path, writer: str, atomic: object) -> None:
    left = left_by_a_killed_process(tmp_path / "out.parquet", writer)
    assert left.suffix == ".parquet"
    with atomic(tmp_path / "out.parquet") as path:  # type: ignore[operator]
        remove_abandoned(tmp_path)
        assert path.exists() and not left.exists()


def test_the_claim_is_on_whatever_stands_under_the_name(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "out") as path:
        path.write_bytes(b"as writers do: open anew, and cut")
        remove_abandoned(tmp_path)
        assert path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_of_one_target_or_of_folders_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    mine, other, deep = (partial_path(tmp_path / name) for name in ("a", "b", "below/c"))
    for path in (mine, other, deep):
        path.touch()
    remove_abandoned(tmp_path, "a")
    assert not mine.exists() and other.exists() and deep.exists()
    remove_abandoned(tmp_path)
    assert not other.exists() and deep.exists()
    remove_abandoned(tmp_path, below=True)
    assert not deep.exists()


def test_names_of_others_are_never_touched(tmp_path: Path) -> None:
    for name in (".partial-", ".partial-mine", ".partial-names-x", "x.partial-01234567-y"):
        (tmp_path / name).touch()
    remove_abandoned(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_that_vanishes_before_a_file_is_made_in_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, calls = Path.touch, []

    def removed_first(path: Path, **arguments: object) -> None:
        if not calls:
            path.parent.rmdir()
        calls.append(path)
        make(path, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "touch", removed_first)
    with atomic_path(tmp_path / "cache" / "out") as path:
        path.write_text("x")
    assert (tmp_path / "cache" / "out").read_text() == "x" and len(calls) == 2
