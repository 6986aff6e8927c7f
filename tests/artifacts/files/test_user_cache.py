"""The cache is where the user says, and the user's alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rewardsmith.artifacts.files.user_cache import cache_folder, folder_size
from rewardsmith.errors import OutputError


def test_the_variable_names_the_folder_and_only_the_user_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "a" / "b"))
    assert cache_folder() == tmp_path / "a" / "b"
    if os.name == "posix":
        assert cache_folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_by_default_it_is_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REWARDSMITH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "rewardsmith"


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="REWARDSMITH_CACHE"):
        cache_folder()


def test_size_counts_all_files_below_and_a_missing_folder_is_empty(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"x" * 10)
    (tmp_path / "b").write_bytes(b"x" * 5)
    assert folder_size(tmp_path) == 15
    assert folder_size(tmp_path / "missing") == 0
