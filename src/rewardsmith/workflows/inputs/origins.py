"""What a model was made from, as the manifests of runs say."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.runs.manifest import MANIFEST, read_manifest
from rewardsmith.errors import OutputError
from rewardsmith.preferences.pairs.preference_set import PreferenceSet

EVAL_INPUT = "eval: "
"""Begins the names of what a training only evaluated on, among the inputs in its manifest."""

META_INPUT = "meta: "
"""The same for samples without labels."""


def learned_from(model: Path, given: PreferenceSet, split: str) -> bool:
    """Whether the run that wrote a model's folder says that it was trained on a set, as it came or refined."""
    manifest = _manifest_of(model.resolve())
    return manifest is not None and not _made_from(manifest, split).isdisjoint(given.sources.values())


def _made_from(manifest: dict[str, Any], split: str) -> set[str]:
    """Fingerprints of what a run read, and of what that was made from by runs whose folders are still there."""
    found: set[str] = set()
    for name, fingerprint in manifest["inputs"].items():
        if name.startswith((EVAL_INPUT, META_INPUT)):
            continue
        if manifest["config"].get("dataset_split", split) == split:
            found.add(fingerprint)
        with suppress(OutputError):  # no run of this tool, or one that has been written anew since
            before = read_manifest(Path(name).parent)
            if before["outputs"].get(Path(name).name) == fingerprint:
                found |= _made_from(before, split)
    return found


def _manifest_of(home: Path) -> dict[str, Any] | None:
    """Of the run that wrote a model: it stands in the model's folder or, for members and averages, further up."""
    for folder in (home, *home.parents):
        if (folder / MANIFEST).is_file():
            with suppress(OutputError):  # of something else than a run of this tool
                manifest = read_manifest(folder)
                if folder == home or any((folder / name).is_relative_to(home) for name in manifest["outputs"]):
                    return manifest
    return None
