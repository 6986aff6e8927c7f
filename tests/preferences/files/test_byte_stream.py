"""Bytes and lines of files, damaged ones included."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.files import byte_stream
from rewardsmith.preferences.files.byte_stream import DamagedFileError, read_all, read_chunks, read_lines

LINES = [f"line {i} {'x' * (i % 50)}".encode() for i in range(20_000)]
CONTENT = b"\n".join(LINES)


def lines_one_by_one(path: Path) -> tuple[list[bytes], DamagedFileError | None]:
    lines: list[bytes] = []
    try:
        for line in read_lines(path):
            lines.append(line)
    except DamagedFileError as damage:
        return lines, damage
    return lines, None


@pytest.mark.parametrize("chunk", [1 << 20, 777])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_the_same_packed_or_not(tmp_path: Path, monkeypatch, chunk: int, packed: bool) -> None:
    monkeypatch.setattr(byte_stream, "CHUNK_BYTES", chunk)
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    assert list(read_lines(path)) == LINES


def test_files_of_several_members_and_padding_are_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n") + b"\0" * 100 + gzip.compress(b"c\n") + b"\0" * 7)
    assert list(read_lines(path)) == [b"a", b"b", b"c"]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    for name, content in (("plain", b""), ("packed.gz", gzip.compress(b""))):
        (tmp_path / name).write_bytes(content)
        assert list(read_lines(tmp_path / name)) == []


@pytest.mark.parametrize("chunk", [1 << 20, 777])
def test_what_stands_before_a_truncation_is_kept(tmp_path: Path, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(byte_stream, "CHUNK_BYTES", chunk)
    path = tmp_path / "rows.gz"
    packed = gzip.compress(CONTENT)
    path.write_bytes(packed[: len(packed) // 2])
    lines, damage = lines_one_by_one(path)
    assert damage is not None
    assert damage.reason == "truncated_gzip"
    assert len(lines) > len(LINES) // 4
    assert lines == LINES[: len(lines)]
    assert LINES[len(lines)].startswith(damage.rest)


def test_a_file_cut_before_its_checksum_has_all_lines_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(CONTENT + b"\n")[:-8])
    lines, damage = lines_one_by_one(path)
    assert lines == LINES
    assert damage is not None
    assert (damage.reason, damage.rest) == ("truncated_gzip", b"")


@pytest.mark.parametrize("chunk", [1 << 20, 777])
def test_what_stands_before_damage_inside_is_kept(tmp_path: Path, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(byte_stream, "CHUNK_BYTES", chunk)
    packed = bytearray(gzip.compress(CONTENT))
    middle = len(packed) // 2
    packed[middle : middle + 200] = b"\xff" * 200
    path = tmp_path / "rows.gz"
    path.write_bytes(bytes(packed))
    lines, damage = lines_one_by_one(path)
    assert damage is not None
    assert damage.reason == "damaged_gzip"
    assert lines[: len(LINES) // 4] == LINES[: len(LINES) // 4]


def test_a_wrong_checksum_is_reported_after_all_rows(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(CONTENT + b"\n"))
    packed[-8] ^= 1
    path = tmp_path / "rows.gz"
    path.write_bytes(bytes(packed))
    lines, damage = lines_one_by_one(path)
    assert lines == LINES
    assert damage is not None
    assert damage.reason == "damaged_gzip"


def test_the_whole_content_comes_with_its_damage(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(CONTENT))
    assert read_all(path) == (CONTENT, None)
    path.write_bytes(gzip.compress(CONTENT)[:-1])
    content, damage = read_all(path)
    assert content == CONTENT
    assert damage is not None


def test_a_file_that_cannot_be_opened_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone cannot be read: No such file"):
        next(read_chunks(tmp_path / "gone"))
