"""What a manifest says, and that it goes on saying it of a file that is changed on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewardsmith.artifacts.runs.manifest import amend_output, disown_output, read_manifest, require_fingerprint
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import OutputError


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A finished run with a file of its own and one of a member."""
    folder = RunFolder.open(tmp_path / "run", "train", {}, {"data": "sha256:1"})
    (folder.path / "members").mkdir()
    for name in ("a.json", "members/b.json", "c.json"):
        (folder.path / name).write_text("old")
    folder.finish()
    return folder.path


@pytest.mark.parametrize("name", ["a.json", "members/b.json"])
def test_an_amended_file_matches_its_manifest_again(finished: Path, name: str) -> None:
    before = read_manifest(finished)
    (finished / name).write_text("new")
    with pytest.raises(OutputError, match="has changed since"):
        require_fingerprint(finished, name, finished / name)
    amend_output(finished / name)
    require_fingerprint(finished, name, finished / name)
    after = read_manifest(finished)
    assert after.pop("amended") == [name]
    assert after["outputs"].pop(name) != before["outputs"].pop(name)
    assert after == before


def test_between_the_two_steps_no_manifest_vouches_for_the_file(finished: Path) -> None:
    disown_output(finished / "a.json")
    assert set(read_manifest(finished)["outputs"]) == {"members/b.json", "c.json"}
    (finished / "a.json").write_text("new")
    amend_output(finished / "a.json")
    require_fingerprint(finished, "a.json", finished / "a.json")


def test_amending_twice_names_each_file_once(finished: Path) -> None:
    for name in ("c.json", "a.json", "c.json"):
        amend_output(finished / name)
    assert read_manifest(finished)["amended"] == ["a.json", "c.json"]


def test_a_file_that_no_run_wrote_needs_nothing(finished: Path, tmp_path: Path) -> None:
    before = (finished / "manifest.json").read_bytes()
    for path in (finished / "mine.json", tmp_path / "other.json"):
        path.write_text("x")
        amend_output(path)
    assert (finished / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("content", ["[]", '{"name": "somebody else\'s"}'])
def test_a_manifest_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    (tmp_path / "mine.json").write_text("x")
    amend_output(tmp_path / "mine.json")
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_manifest_from_the_future_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"tool": "rewardsmith", "manifest_version": 99}))
    with pytest.raises(OutputError, match="newer rewardsmith"):
        read_manifest(tmp_path)


def test_an_interrupted_run_has_no_manifest(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, "train", {}, {})
    with pytest.raises(OutputError, match="interrupted"):
        read_manifest(tmp_path)


def test_a_changed_file_is_noticed_by_name(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path, "train", {}, {})
    (tmp_path / "pairs.txt").write_text("a")
    run.finish()
    require_fingerprint(tmp_path, "pairs.txt", tmp_path / "pairs.txt")
    (tmp_path / "pairs.txt").write_text("b")
    with pytest.raises(OutputError, match=r"pairs\.txt has changed"):
        require_fingerprint(tmp_path, "pairs.txt", tmp_path / "pairs.txt")
    with pytest.raises(OutputError, match="knows no input or output called 'x'"):
        require_fingerprint(tmp_path, "x", tmp_path / "pairs.txt")
