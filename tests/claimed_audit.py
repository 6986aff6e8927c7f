"""A finished audit at another level of claim than its self-audit gave it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rewardsmith.artifacts.runs.manifest import amend_output
from rewardsmith.contracts.metrics.audit import ClaimLevel, Doubt

DOUBTS: dict[ClaimLevel, list[Doubt]] = {
    "labels_judged": [],
    "reading_order": ["finds_few_flips"],
    "cannot_tell": ["finds_no_flips"],
}


def claimed(audit_dir: Path | str, folder: Path, level: ClaimLevel) -> Path:
    """A copy of the audit that says ``level``; its tables stay as they are."""
    shutil.copytree(audit_dir, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["claim"] = {"level": level, "doubts": DOUBTS[level]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    amend_output(folder / "metrics.json")
    return folder
