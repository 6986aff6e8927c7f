"""An audit's folder as later stages read it: only what its manifest vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.artifacts.runs.manifest import read_manifest, require_fingerprint
from rewardsmith.artifacts.runs.metrics_file import METRICS, read_metrics
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.errors import ConfigError, OutputError
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.workflows.outputs.output_paths import QUARANTINE

PAIRS, STRENGTHS, DOUBTFUL, LEANINGS = "pairs.parquet", "strengths.parquet", "doubtful.csv", "leanings.csv"


@dataclass(frozen=True)
class AuditFolder:
    """What an audit wrote, and how it was asked for."""

    path: Path
    pairs: pa.Table
    strengths: pa.Table
    """In the order of ``pairs``."""
    quarantine: list[dict[str, Any]]
    metrics: AuditMetrics
    config: dict[str, Any]
    """Its options, flat."""
    sources: dict[str, str]
    """What it read, and the fingerprints of that."""
    fingerprints: dict[str, str]
    """Of its own files, by path."""

    @property
    def share_wrong(self) -> float | None:
        """Of the labels: the audit's own; where it claims none, the mean of p_wrong. None where nothing was judged."""
        noise = self.metrics["label_noise"]
        if noise and noise["value"] is not None:
            return noise["value"]
        mean: float | None = pc.mean(self.strengths["p_wrong"]).as_py()
        return mean


def read_audit(audit_dir: str) -> AuditFolder:
    """Reads the tables of a finished audit. ``OutputError`` names the file that is not as the audit left it."""
    if not audit_dir:
        raise ConfigError("--audit_dir is missing: name the folder that `rewardsmith audit` wrote.")
    path = Path(audit_dir)
    manifest = read_manifest(path)
    if manifest["verb"] != "audit":
        raise ConfigError(f"--audit_dir {path} holds the results of `{manifest['verb']}`, not those of `audit`.")
    fingerprints = {}
    for name in (PAIRS, STRENGTHS, QUARANTINE, METRICS):
        require_file(path, name)
        fingerprints[str(path / name)] = manifest["outputs"][name]
    return AuditFolder(
        path=path,
        pairs=pq.read_table(path / PAIRS),
        strengths=pq.read_table(path / STRENGTHS),
        quarantine=read_rows(path / QUARANTINE),
        metrics=read_metrics(path, AuditMetrics),
        config=manifest["config"],
        sources=manifest["inputs"],
        fingerprints=fingerprints,
    )


def refuse_another_version(audit: AuditFolder, flag: str, given: PreferenceSet | None = None) -> None:
    """``ConfigError`` where an audited file has changed since, or ``given`` holds pairs of another set.

    Audited files that are no longer there say nothing. ``given`` may be a part of the audited set under other names
    (so is what was refined of it); where it is the same file, pairs that the audit did not draw are fine.
    """
    for name, fingerprint in audit.sources.items():
        path = Path(at_home(name))
        if path.exists() and fingerprint_file(path) != fingerprint:
            raise ConfigError(f"{flag} {audit.path}: {name} has changed since it was audited. Audit it again.")
    if given is None or set(given.sources.values()) <= set(audit.sources.values()):
        return
    audited = set(audit.pairs["pair_id"].to_pylist())
    num_new = sum(name not in audited for name in given.table["pair_id"].to_pylist())
    if num_new:
        raise ConfigError(
            f"{flag} {audit.path}: {num_new:,} of the {given.table.num_rows:,} pairs of {given.name} do not stand "
            "there: it is of another version of this set, or of another set. Audit this one."
        )


def require_file(folder: Path, name: str) -> None:
    """``OutputError`` unless the file lies in the folder as its run wrote it."""
    if not (folder / name).is_file():
        raise OutputError(f"{folder / name} is missing. Run `{read_manifest(folder)['verb']}` again.")
    require_fingerprint(folder, name, folder / name)
