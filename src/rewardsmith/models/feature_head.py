"""Linear heads on frozen features as files, to be scored with like a reward model. Format: docs/feature_head.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from rewardsmith.artifacts.files.atomic import atomic_path, write_json
from rewardsmith.artifacts.files.fingerprints import fingerprint_bytes
from rewardsmith.errors import ModelError
from rewardsmith.models.feature_spec import POOLINGS, FeatureSpec
from rewardsmith.models.loading.files import refuse_changed_files

FORMAT_VERSION = 1
HEAD_CONFIG = "feature_head.json"
HEAD_WEIGHTS = "feature_head.safetensors"


@dataclass(frozen=True)
class HeadPart:
    """Members that read the same layer and pooling: reward of member m = ((x - centre) / scale) . weights[m]."""

    spec: FeatureSpec
    weights: NDArray[np.float32]
    """[M, D]"""
    centre: NDArray[np.float32]
    """[D]"""
    scale: NDArray[np.float32]
    """[D], positive."""

    def states(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """What the weights multiply [N, D], of features [N, D]: these, standardised."""
        return np.asarray((features.astype(np.float32) - self.centre) / self.scale, dtype=np.float32)

    def rewards(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Rewards [M, N] of features [N, D]."""
        return np.asarray(self.weights @ self.states(features).T, dtype=np.float32)


@dataclass(frozen=True)
class FeatureHead:
    """An ensemble of linear heads on one frozen trunk. Its reward is the mean over all members of all parts."""

    trunk: str
    """Name that finds the trunk: embedded name, Hub id or folder."""
    trunk_fingerprint: str
    tokens_fingerprint: str
    max_length: int
    truncation_side: Literal["left", "right"]
    parts: tuple[HeadPart, ...]
    trunk_revision: str | None = None

    @property
    def specs(self) -> list[FeatureSpec]:
        """Features that the members read."""
        return [part.spec for part in self.parts]

    @property
    def num_members(self) -> int:
        return sum(len(part.weights) for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints give equal rewards."""
        arrays = [array for part in self.parts for array in (part.weights, part.centre, part.scale)]
        return fingerprint_bytes(json.dumps(self._config(), sort_keys=True).encode(), *(a.tobytes() for a in arrays))

    def member_rewards(self, features: Mapping[FeatureSpec, NDArray[Any]]) -> NDArray[np.float32]:
        """Rewards [M, N] of every member, part after part."""
        return np.concatenate([part.rewards(features[part.spec]) for part in self.parts])

    def states(self, features: Mapping[FeatureSpec, NDArray[Any]]) -> NDArray[np.float32]:
        """What the parts multiply, side by side [N, sum D]: every member's reward is linear in it."""
        return np.concatenate([part.states(features[part.spec]) for part in self.parts], axis=1)

    def save(self, path: str | Path) -> None:
        """Writes ``feature_head.safetensors`` and then ``feature_head.json`` into a folder."""
        folder = Path(path)
        tensors = {}
        for index, part in enumerate(self.parts):
            for name in ("weights", "centre", "scale"):
                tensors[f"{index}.{name}"] = np.ascontiguousarray(getattr(part, name), dtype=np.float32)
        with atomic_path(folder / HEAD_WEIGHTS) as temporary:
            temporary.write_bytes(save(tensors))
        write_json(folder / HEAD_CONFIG, self._config())

    def _config(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "trunk": self.trunk,
            "trunk_revision": self.trunk_revision,
            "trunk_fingerprint": self.trunk_fingerprint,
            "tokens_fingerprint": self.tokens_fingerprint,
            "max_length": self.max_length,
            "truncation_side": self.truncation_side,
            "parts": [{"layer": part.spec.layer, "pooling": part.spec.pooling} for part in self.parts],
        }

    @classmethod
    def load(cls, path: str | Path) -> FeatureHead:
        """Reads a folder written by ``save``; ``ModelError`` for anything else."""
        folder = Path(path)
        refuse_changed_files(folder)
        try:
            config = json.loads((folder / HEAD_CONFIG).read_text(encoding="utf-8"))
            tensors = load_file(folder / HEAD_WEIGHTS)
            if config["format_version"] != FORMAT_VERSION:
                raise ModelError(
                    f"{folder}: feature head of format {config['format_version']}, this version reads {FORMAT_VERSION}."
                )
            parts = tuple(_part(index, part, tensors) for index, part in enumerate(config["parts"]))
            names = ("trunk", "trunk_fingerprint", "tokens_fingerprint", "max_length", "truncation_side")
            return cls(**{name: config[name] for name in names}, parts=parts, trunk_revision=config["trunk_revision"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(
                f"{folder} is no feature head that can be read: {type(error).__name__}: {error}"
            ) from error


def is_feature_head(path: str | Path) -> bool:
    """Whether a folder holds a feature head."""
    return (Path(path) / HEAD_CONFIG).is_file()


def _part(index: int, config: dict[str, Any], tensors: dict[str, NDArray[np.float32]]) -> HeadPart:
    if config["pooling"] not in POOLINGS:
        raise ValueError(f"unknown pooling {config['pooling']!r}")
    weights, centre, scale = (tensors[f"{index}.{name}"] for name in ("weights", "centre", "scale"))
    if weights.ndim != 2 or centre.shape != scale.shape or centre.shape != weights.shape[1:]:
        raise ValueError(f"part {index} has shapes {weights.shape}, {centre.shape}, {scale.shape}")
    return HeadPart(FeatureSpec(int(config["layer"]), config["pooling"]), weights, centre, scale)
