"""Gaps on disk, so that what was trained and judged is not trained and judged again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rewardsmith.artifacts.files.atomic import atomic_path, json_text


@dataclass(frozen=True)
class SavedGaps:
    """What a model says about every pair, or an ensemble of M."""

    gaps: NDArray[np.float32]
    """[N], of an ensemble [N, M]: reward of the chosen response less that of the rejected one."""
    levels: NDArray[np.float32]
    """[], of an ensemble [M]: mean reward of all responses, which preferences leave open."""
    metrics: dict[str, Any]

    @classmethod
    def of(cls, rewards: NDArray[np.float32], metrics: dict[str, Any]) -> SavedGaps:
        """``rewards`` [2, N] or [2, N, M] of the chosen and the rejected responses."""
        levels = rewards.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return cls(rewards[0] - rewards[1], np.asarray(levels), metrics)


def save_gaps(path: Path, result: SavedGaps, fingerprint: str) -> None:
    """Writes a result, atomically; ``fingerprint`` says what it is the result of."""
    said = {"fingerprint": fingerprint, "metrics": json_text(result.metrics, where=path.name)}
    content = save({"gaps": np.ascontiguousarray(result.gaps), "levels": result.levels}, said)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_gaps(path: Path, fingerprint: str) -> SavedGaps | None:
    """The result of this very work, if there is one; None also for a damaged file."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            said = file.metadata() or {}
            if said.get("fingerprint") != fingerprint:
                return None
            return SavedGaps(file.get_tensor("gaps"), file.get_tensor("levels"), json.loads(said["metrics"]))
    except (FileNotFoundError, SafetensorError):
        return None
