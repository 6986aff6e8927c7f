"""Equal content, equal fingerprint; any difference shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rewardsmith.artifacts.files.fingerprints import fingerprint_bytes, fingerprint_file, fingerprint_json


def test_a_file_has_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 1_000_000)
    assert fingerprint_file(tmp_path / "a") == "sha256:" + hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_a_folder_changes_with_a_name_or_a_byte_but_not_with_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("x")
    before = fingerprint_file(tmp_path)
    (tmp_path / ".hidden").write_text("y")
    assert fingerprint_file(tmp_path) == before
    (tmp_path / "sub" / "a").rename(tmp_path / "sub" / "b")
    renamed = fingerprint_file(tmp_path)
    (tmp_path / "sub" / "b").write_text("z")
    assert len({before, renamed, fingerprint_file(tmp_path)}) == 3


def test_the_order_of_json_keys_changes_nothing() -> None:
    assert fingerprint_json({"a": 1, "b": [1, 2]}) == fingerprint_json({"b": [1, 2], "a": 1})
    assert fingerprint_json([1, 2]) != fingerprint_json([2, 1])


def test_nan_has_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint_json(float("nan"))


def test_boundaries_between_chunks_count() -> None:
    assert fingerprint_bytes(b"ab", b"c") != fingerprint_bytes(b"a", b"bc")
    assert fingerprint_bytes(b"ab") != fingerprint_bytes(b"ab", b"")
