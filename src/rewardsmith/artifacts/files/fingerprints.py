"""Fingerprints: equal ones mean equal content."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def fingerprint_file(path: str | os.PathLike[str]) -> str:
    """``sha256:...`` of a file's bytes; for a folder, of the names and bytes of all files in it but hidden ones."""
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
        return fingerprint_json({file.relative_to(path).as_posix(): fingerprint_file(file) for file in files})
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def fingerprint_json(value: Any) -> str:
    """``sha256:...`` of a JSON value. The order of keys changes nothing; NaN is a ``ValueError``."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def fingerprint_bytes(*chunks: bytes) -> str:
    """``sha256:...`` of byte strings. Their boundaries count: ``(b"ab", b"c")`` is not ``(b"a", b"bc")``."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(len(chunk).to_bytes(8, "big"))
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)
