"""Digests of what a run left behind: one a table column, a tensor, a key, or a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

# Keys of JSON files that may differ between two runs of the same code, and why.
IGNORED = {
    "timings": "time",
    "seconds": "time",
    "train_runtime_s": "time",
    "seconds_a_cell": "time",
    "pairs_per_s": "time",
    "train_pairs_per_s": "time",
    "tokens_per_s": "time",
    "max_memory_gib": "memory",
    "started_at": "date",
    "finished_at": "date",
    "git_commit": "the code that is compared",
    "versions": "packages of the machine",
    "platform": "machine",
    "outputs": "fingerprints of files that hold times; the files themselves are compared",
    "compared model": "fingerprint of an adapter, whose configuration has the whole path of its base",
    "runs/": "in front of a key: fingerprints of another case's files, as above",
}

TIMES = re.compile(r"\b\d[\d.,]*\s(min \d+ s|min|s|pairs/s)(?=\W)")  # in texts for people
TEXTS_FOR_PEOPLE = (".html", ".md", ".txt")


def digest(content: bytes | str) -> str:
    """Short enough to read, long enough for a few thousand parts."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:16]


def digests_of_folder(folder: Path, names: dict[str, str]) -> dict[str, str]:
    """Part -> digest of everything below a folder; ``names`` are texts to replace first, such as that of the folder."""
    found = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        for part, value in _parts(file, names):
            found[f"{file.relative_to(folder)}{part and ':'}{part}"] = value
    return found


def digest_of_text(text: str, names: dict[str, str]) -> str:
    """Of a text for people: without times, paths and line breaks, which go with the length of the two."""
    return digest(" ".join(TIMES.sub("TIME", _replaced(text, names)).split()))


def _parts(file: Path, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        for name in table.column_names:
            column = table[name]
            yield name, digest(f"{column.type} {column.to_pylist()!r}")  # repr of a float is exact
    elif file.suffix == ".safetensors":
        yield from _tensors(file.read_bytes())
    elif file.suffix == ".json":
        yield from _values(json.loads(_replaced(file.read_text("utf-8"), names)))
    elif file.suffix == ".jsonl":
        yield from _columns(_replaced(file.read_text("utf-8"), names))
    elif file.suffix in TEXTS_FOR_PEOPLE:
        yield "", digest_of_text(file.read_text("utf-8"), names)
    else:
        yield "", digest(file.read_bytes())


def _tensors(content: bytes) -> Iterator[tuple[str, str]]:
    """The format is eight bytes of length, a JSON header, and the tensors."""
    start = 8 + int.from_bytes(content[:8], "little")
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            said = {key: _kept(json.loads(text)) if text[:1] in "[{" else text for key, text in entry.items()}
            yield name, digest(json.dumps(said, sort_keys=True))
        else:
            begin, end = (start + offset for offset in entry["data_offsets"])
            yield name, digest(f"{entry['dtype']} {entry['shape']} ".encode() + content[begin:end])


def _values(value: Any) -> Iterator[tuple[str, str]]:
    """One digest a key, since a file that differs somewhere says little."""
    if not isinstance(value, dict):
        yield "", digest(json.dumps(_kept(value)))
        return
    for key, entry in _kept(value).items():
        yield key, digest(json.dumps(entry))


def _columns(text: str) -> Iterator[tuple[str, str]]:
    lines = [_kept(json.loads(line)) for line in text.splitlines()]
    yield "keys of lines", digest(json.dumps([list(line) for line in lines]))
    for key in dict.fromkeys(key for line in lines for key in line):
        yield key, digest(json.dumps([line.get(key) for line in lines]))


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _kept(entry) for key, entry in value.items() if not _ignored(key)}
    return [_kept(entry) for entry in value] if isinstance(value, list) else value


def _ignored(key: str) -> bool:
    return key in IGNORED or key.startswith("runs/")


def _replaced(text: str, names: dict[str, str]) -> str:
    for name, stands_for in names.items():
        text = text.replace(name, stands_for)
    return text
