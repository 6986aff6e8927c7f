"""A run's folder is new, resumed or refused; the manifest is written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardsmith import __version__
from rewardsmith.artifacts.files.atomic import atomic_path
from rewardsmith.artifacts.files.partial import partial_path
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import OutputError

CONFIG = {"max_length": 512, "quiet": False, "output_dir": None}
INPUTS = {"prefs.jsonl": "sha256:1"}


def open_run(path: Path, **changes: Any) -> RunFolder:
    arguments = {"verb": "audit", "config": CONFIG, "inputs": INPUTS, "overwrite": False, "seed": 0, **changes}
    return RunFolder.open(path, **arguments)


def test_a_finished_run_says_what_it_was(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", seed=7)
    (run.path / "table.txt").write_text("x")
    assert not (run.path / "manifest.json").exists()
    (run.path / "metrics.json").write_text("{}")
    run.finish(device="cpu")
    manifest = read_manifest(tmp_path / "run")
    assert manifest["verb"] == "audit"
    assert manifest["config"] == CONFIG
    assert manifest["inputs"] == INPUTS
    assert manifest["seed"] == 7
    assert manifest["versions"]["rewardsmith"] == __version__
    assert set(manifest["outputs"]) == {"metrics.json", "table.txt"}
    assert sorted(path.name for path in run.path.iterdir()) == ["manifest.json", "metrics.json", "table.txt"]


def test_a_finished_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    open_run(tmp_path).finish()
    with pytest.raises(OutputError, match="already holds a finished audit.*`overwrite`"):
        open_run(tmp_path)


def test_overwrite_removes_what_the_run_wrote_and_keeps_foreign_files(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "0").write_text("old")
    run.finish()
    (tmp_path / "my_notes.txt").write_text("mine")
    again = open_run(tmp_path, overwrite=True, seed=1)
    assert not again.resumed
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "my_notes.txt", "unfinished.json"]
    again.finish()
    assert read_manifest(tmp_path)["outputs"] == {}


def test_the_same_run_resumes_however_it_talks(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    (run.path / "half").write_text("x")
    again = open_run(tmp_path, config={**CONFIG, "quiet": True})
    assert again.resumed
    assert (again.path / "half").exists()


def test_what_may_change_is_recorded_as_it_is_at_the_end(tmp_path: Path) -> None:
    open_run(tmp_path)
    assert open_run(tmp_path, config={**CONFIG, "max_length": 64}, may_change=["max_length"]).resumed
    open_run(tmp_path, config={**CONFIG, "max_length": 32}, may_change=["max_length"]).finish()
    assert read_manifest(tmp_path)["config"]["max_length"] == 32


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"config": {**CONFIG, "max_length": 64}}, "max_length"),
        ({"inputs": {"prefs.jsonl": "sha256:2"}}, "prefs.jsonl"),
        ({"seed": 1}, "seed"),
        ({"verb": "train"}, "verb"),
    ],
)
def test_another_unfinished_run_is_in_the_way(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    open_run(tmp_path)
    with pytest.raises(OutputError, match=f"unfinished audit that differs in {named}"):
        open_run(tmp_path, **change)
    assert not open_run(tmp_path, overwrite=True, **change).resumed


def test_a_folder_of_someone_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match="holds no run of rewardsmith"):
        open_run(tmp_path, overwrite=True)
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "a web extension"}))
    with pytest.raises(OutputError, match="not written by rewardsmith"):
        open_run(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        open_run(tmp_path / "run")


class Killed(BaseException):
    """Ends a run where it stands."""


def killed_while_clearing(path: Path, monkeypatch: pytest.MonkeyPatch, number: int, **changes: Any) -> None:
    """Opens the folder to overwrite what is in it; the n-th removal ends it."""
    removed: list[Path] = []
    unlink = Path.unlink

    def killing(file: Path, missing_ok: bool = False) -> None:
        removed.append(file)
        if len(removed) == number:
            raise Killed
        unlink(file, missing_ok=missing_ok)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "unlink", killing)
        open_run(path, overwrite=True, **changes)


def finished_run(path: Path) -> None:
    run = open_run(path)
    for name in ("a.txt", "b.txt"):
        (path / name).write_text("old")
    run.finish()
    (path / "my_notes.txt").write_text("mine")


@pytest.mark.parametrize("number", range(1, 5))
def test_a_folder_left_while_it_was_cleared_is_cleared_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    finished_run(tmp_path)
    killed_while_clearing(tmp_path, monkeypatch, number, seed=1)
    again = open_run(tmp_path, overwrite=True, seed=1)
    assert not again.resumed
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "my_notes.txt", "unfinished.json"}
    again.finish()
    assert read_manifest(tmp_path)["outputs"] == {}


def test_a_folder_left_while_it_was_cleared_is_still_in_the_way_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_run(tmp_path)
    killed_while_clearing(tmp_path, monkeypatch, 4, seed=1)
    with pytest.raises(OutputError, match="unfinished audit that differs in seed"):
        open_run(tmp_path, seed=2)
    assert not open_run(tmp_path, seed=1).resumed
    assert (tmp_path / "my_notes.txt").exists() and not (tmp_path / "b.txt").exists()


def test_a_run_killed_in_its_first_write_left_nothing(tmp_path: Path) -> None:
    left = partial_path(tmp_path / "unfinished.json")
    left.write_text('{"tool": "rew')
    assert not open_run(tmp_path).resumed
    assert not left.exists()


def test_what_was_left_half_written_is_no_output(tmp_path: Path) -> None:
    run = open_run(tmp_path)
    (tmp_path / "members").mkdir()
    left = partial_path(tmp_path / "members" / "weights")
    left.write_text("half")
    with atomic_path(tmp_path / "of_another.jsonl") as in_use:
        run.finish()
        assert in_use.exists() and not left.exists()
    assert read_manifest(tmp_path)["outputs"] == {}
