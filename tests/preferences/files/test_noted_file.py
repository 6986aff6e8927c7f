"""The fingerprint of a set is of what was read of it."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.preferences import load
from rewardsmith.preferences.files.noted_file import NotedFile
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions

ROWS = [{"prompt": f"question {i}", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(60)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def written(folder: Path, ending: str) -> Path:
    path = folder / f"prefs{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif ending == ".csv":
        path.write_text("prompt,chosen,rejected\n" + "".join(",".join(row.values()) + "\n" for row in ROWS))
    elif ending == ".jsonl.gz":
        path.write_bytes(gzip.compress(LINES))
    else:
        path.write_bytes(json.dumps(ROWS).encode() if ending == ".json" else LINES)
    return path


def sources_of(path: Path) -> dict[str, str]:
    return load_preferences(str(path), DataOptions()).sources


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".json", ".csv", ".parquet", ".txt"])
def test_it_is_that_of_the_file(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, ending)
    assert sources_of(path) == {str(path): fingerprint_file(path)}


def test_of_a_damaged_file_too(tmp_path: Path) -> None:
    path = tmp_path / "prefs.jsonl.gz"
    whole = bytearray(gzip.compress(LINES) + gzip.compress(LINES * 40, 0))
    whole[len(gzip.compress(LINES)) + 20] ^= 255
    path.write_bytes(whole)
    found = load_preferences(str(path), DataOptions())
    assert found.quarantine and found.sources == {str(path): fingerprint_file(path)}


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("change", ["grows", "is replaced"])
def test_what_happens_to_the_file_meanwhile_is_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, change: str
) -> None:
    path = written(tmp_path, ending)
    as_read = fingerprint_file(path)
    choose = load.choose_format

    def changing(*arguments: object) -> object:
        """Called when the rows have been read."""
        if change == "grows":
            with path.open("ab") as file:
                file.write(b'{"prompt": "new", "chosen": "a", "rejected": "b"}\n' * 9)
        else:
            other = path.with_name("other")
            other.write_bytes(b"something else")
            other.replace(path)
        return choose(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(load, "choose_format", changing)
    found = load_preferences(str(path), DataOptions())
    assert found.num_rows_read == len(ROWS) and found.sources == {str(path): as_read}


def test_what_comes_before_the_end_is_reached_is_part_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, ".jsonl")
    noted = NotedFile(path)
    with noted.open() as file, path.open("ab") as other:
        file.read(100)
        other.write(b"x" * (1 << 21))
        other.flush()
        while file.read(1 << 20):
            pass
        other.write(b"too late")
        other.flush()
        assert noted.fingerprint() == "sha256:" + sha256(LINES + b"x" * (1 << 21)).hexdigest()
    with noted.open() as file:
        file.read()
    assert noted.fingerprint() == fingerprint_file(path)
