"""What the files of a run's folder say of it: ``manifest.json`` of a finished run, ``unfinished.json`` of another."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.errors import OutputError
from rewardsmith.version import __version__

MANIFEST_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"

_RECORDED_PACKAGES = (
    "accelerate",
    "datasets",
    "numpy",
    "pandas",
    "peft",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a finished run; ``OutputError`` where there is none or it is not ours."""
    path = Path(folder) / MANIFEST
    manifest = read_record(path)
    if manifest is None:
        state = "the run in it was interrupted" if (Path(folder) / UNFINISHED).exists() else "there is no manifest.json"
        raise OutputError(f"{folder} is not the folder of a finished run: {state}.")
    return manifest


def require_fingerprint(folder: str | os.PathLike[str], name: str, path: str | os.PathLike[str]) -> None:
    """``OutputError`` unless ``path`` is still what the run in ``folder`` read or wrote under ``name``."""
    manifest = read_manifest(folder)
    recorded = {**manifest["outputs"], **manifest["inputs"]}.get(name)
    if recorded is None:
        raise OutputError(f"{folder}: its manifest knows no input or output called {name!r}.")
    if fingerprint_file(path) != recorded:
        raise OutputError(f"{path} has changed since {folder} was made ({name}). Run `{manifest['verb']}` again.")


def disown_output(path: str | os.PathLike[str]) -> None:
    """Before a file is written anew: no manifest vouches for it, so that a kill leaves none that looks damaged."""
    _amend(path, None)


def amend_output(path: str | os.PathLike[str]) -> None:
    """Puts the file's new fingerprint into the manifest of the run that wrote it, and its name under ``amended``.

    The nearest folder above with a manifest is asked; a file that no manifest lists needs nothing.
    """
    _amend(path, fingerprint_file(path))


def _amend(path: str | os.PathLike[str], fingerprint: str | None) -> None:
    file = Path(path).resolve()
    folder = _nearest(file)
    if folder is None:
        return
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    name = file.relative_to(folder).as_posix()
    if not isinstance(manifest, dict) or name not in {*manifest.get("outputs", {}), *manifest.get("amended", [])}:
        return  # others have manifests too
    manifest["outputs"].pop(name, None)
    if fingerprint is not None:
        manifest["outputs"][name] = fingerprint
    manifest["amended"] = sorted({*manifest.get("amended", []), name})
    write_json(folder / MANIFEST, manifest)


def recorded_outputs(folder: str | os.PathLike[str]) -> dict[Path, str]:
    """Files right in a folder -> the fingerprints that the run which wrote them recorded; none without such a run."""
    place = Path(folder).resolve()
    home = _nearest(place / MANIFEST)
    try:
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8")) if home else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(manifest, dict) or manifest.get("tool") != "rewardsmith" or home is None:
        return {}
    return {home / name: print_ for name, print_ in manifest["outputs"].items() if (home / name).parent == place}


def _nearest(file: Path) -> Path | None:
    """The nearest folder above a file that has a manifest."""
    return next((parent for parent in file.parents if (parent / MANIFEST).is_file()), None)


def read_record(path: Path) -> dict[str, Any] | None:
    """What a file says of its run; None where there is no file, ``OutputError`` where it is not ours."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise OutputError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or record.get("tool") != "rewardsmith":
        raise OutputError(f"{path} was not written by rewardsmith. Choose another `output_dir`.")
    if record["manifest_version"] > MANIFEST_VERSION:
        raise OutputError(f"{path} was written by a newer rewardsmith (manifest version {record['manifest_version']}).")
    return record


def this_machine() -> dict[str, Any]:
    """Platform, versions of what computes, and the commit of the tool: what a manifest says of where a run was."""
    return {
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": _versions(),
        "git_commit": _git_commit(),
    }


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0], "rewardsmith": __version__}
    for name in _RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git_commit() -> str | None:
    """Commit of the checkout that this package runs from, ``-dirty`` where files differ; None if installed."""
    root = Path(__file__).resolve().parents[4]
    if not (root / ".git").exists() or not (root / "pyproject.toml").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
