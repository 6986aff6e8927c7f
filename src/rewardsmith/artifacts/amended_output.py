"""A file of a finished run that is changed on purpose, so that it still matches the run's manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.artifacts.fingerprints import fingerprint_file
from rewardsmith.artifacts.run_folder import MANIFEST


def amend_output(path: str | os.PathLike[str]) -> None:
    """Puts the file's new fingerprint into the manifest of the run that wrote it, and its name under ``amended``.

    The nearest folder above with a manifest is asked; a file that no manifest lists needs nothing.
    """
    file = Path(path).resolve()
    folder = next((parent for parent in file.parents if (parent / MANIFEST).is_file()), None)
    if folder is None:
        return
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    name = file.relative_to(folder).as_posix()
    if isinstance(manifest, dict) and name in manifest.get("outputs", {}):  # others have manifests too
        manifest["outputs"][name] = fingerprint_file(file)
        manifest["amended"] = sorted({*manifest.get("amended", []), name})
        write_json(folder / MANIFEST, manifest)
