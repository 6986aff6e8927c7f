"""Features on disk, so that a trunk sees every distinct conversation once.

One folder a key, in ``<cache>/features/<key>/``: ``key.json`` says what it holds; shards hold one entry a
conversation. A shard's name is the sha256 of its bytes, so that a damaged one is noticed, dropped and computed again,
and two runs that write at the same time cannot disturb each other: what one has not finished bears another name, and
what one removed is absent for the other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from rewardsmith.artifacts.files.atomic import atomic_path, write_json
from rewardsmith.artifacts.files.partial import remove_abandoned
from rewardsmith.artifacts.files.user_cache import cache_folder, clear_room, folder_size, key_folders, key_name
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation, key_of

SHARD_VERSION = 1
_SHARD_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")


@dataclass(frozen=True)
class CacheKey:
    """All that decides a feature vector, besides the conversation. Its digest names a folder."""

    model: str
    """Name, for people; not part of the key's digest."""
    weights: str
    tokens: str
    """Fingerprint of tokenizer, template and truncation."""
    layer: int
    pooling: str
    dtype: str
    """Number type of the forward pass; features are stored as float16."""

    @property
    def digest(self) -> str:
        content = {name: value for name, value in asdict(self).items() if name != "model"}
        return key_name({**content, "version": SHARD_VERSION})


@dataclass(frozen=True)
class CacheEntry:
    """One folder of the cache, as `rewardsmith cache` lists it."""

    model: str
    layer: int
    pooling: str
    num_conversations: int
    num_bytes: int
    path: str


@dataclass
class Vectors:
    """Features of some conversations: digests [N, 32], values fp16 [N, D], tokens cut and tokens read [N]."""

    digests: NDArray[np.uint8]
    values: NDArray[np.float16]
    num_cut: NDArray[np.int32]
    num_tokens: NDArray[np.int32]


def conversation_digest(conversation: Conversation) -> bytes:
    """sha256 of all that the messages say."""
    turns = [key_of(message) for message in conversation]
    return hashlib.sha256(json.dumps(turns).encode()).digest()


def features_folder() -> Path:
    """Where all keys have their folders."""
    return cache_folder() / "features"


class FeatureCache:
    """The shards of one key."""

    def __init__(self, key: CacheKey) -> None:
        self.key = key
        self.folder = features_folder() / key.digest

    def read(self) -> Vectors | None:
        """Every intact entry; None where there is none. Damaged shards are deleted, with a notice.

        So is, without one, what a killed process left unfinished.
        """
        remove_abandoned(self.folder)
        shards = [shard for path in _shards(self.folder) if (shard := self._read_shard(path))]
        if not shards:
            return None
        return Vectors(
            *(np.concatenate([getattr(shard, name) for shard in shards]) for name in Vectors.__annotations__)
        )

    def append(self, vectors: Vectors) -> None:
        """Adds entries as one shard, atomically."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.folder / "key.json").exists():
            write_json(self.folder / "key.json", asdict(self.key))
        content = save_safetensors({name: getattr(vectors, name) for name in Vectors.__annotations__})
        with atomic_path(self.folder / f"{hashlib.sha256(content).hexdigest()}.safetensors") as path:
            path.write_bytes(content)

    def _read_shard(self, path: Path) -> Vectors | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # removed by another process
            return None
        try:
            if hashlib.sha256(content).hexdigest() == path.stem:
                return Vectors(**load_safetensors(content))
        except (SafetensorError, TypeError):
            pass  # the name is the checksum of something that is no shard: treat it as damaged too
        say(f"A damaged file of the feature cache is dropped and computed again: {path}")
        path.unlink(missing_ok=True)
        return None


def rows_of(vectors: Vectors | None, digests: Sequence[bytes]) -> NDArray[np.int64]:
    """For each digest its row in ``vectors``, -1 where it is missing."""
    if vectors is None:
        return np.full(len(digests), -1, dtype=np.int64)
    known = {row.tobytes(): index for index, row in enumerate(vectors.digests)}
    return np.array([known.get(digest, -1) for digest in digests], dtype=np.int64)


def list_cache() -> list[CacheEntry]:
    """Every key in the cache, largest first."""
    return sorted((_entry(folder) for folder in key_folders(features_folder())), key=lambda entry: -entry.num_bytes)


def clear_cache() -> int:
    """Deletes every key in the cache, and gives the number of bytes this frees; what others are writing stays."""
    return clear_room(features_folder())


def _shards(folder: Path) -> list[Path]:
    """The finished ones."""
    with suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if _SHARD_NAME.fullmatch(path.name))
    return []


def _entry(folder: Path) -> CacheEntry:
    try:
        key = json.loads((folder / "key.json").read_text())
    except (OSError, ValueError):
        key = {}
    return CacheEntry(
        model=str(key.get("model", "unknown")),
        layer=int(key.get("layer", -1)),
        pooling=str(key.get("pooling", "unknown")),
        num_conversations=sum(map(_num_rows, _shards(folder))),
        num_bytes=folder_size(folder),
        path=str(folder),
    )


def _num_rows(path: Path) -> int:
    """Rows of a shard from its header alone."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, 1 << 20)))
        return int(header["digests"]["shape"][0])
    except (OSError, ValueError, KeyError):
        return 0
