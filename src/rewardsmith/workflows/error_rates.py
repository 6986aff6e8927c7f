"""What an audit says of how often labels err, for training that knows it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.tables import ERROR_RATES
from rewardsmith.errors import ConfigError
from rewardsmith.workflows.audit_folder import AuditFolder

HIGHEST_RATE = 0.45
"""At a half, a loss would learn nothing from a label."""


def with_error_rates(pairs: pa.Table, audit: AuditFolder) -> pa.Table:
    """``pairs`` with two columns more: error rates by the structured audit, else the audit's share of wrong labels.

    Pairs are found by their id. A label that is no longer the audited one was given by somebody who knew the audit: it
    counts as right, as do pairs that were not audited. ``ConfigError`` where the audit knows no pair, or no rates.
    """
    rates, by = _rates(audit)
    place = {name: i for i, name in reversed(list(enumerate(audit.pairs["pair_id"].to_pylist())))}
    at = np.array([place.get(name, -1) for name in pairs["pair_id"].to_pylist()])
    same = (at >= 0) & (audit.pairs["target"].to_numpy()[at] == pairs["target"].to_numpy())
    if not same.any():
        raise ConfigError(
            f"--noise_aware {audit.path}: none of these pairs stands there with its label. Audit this set first."
        )
    found = np.where(same[:, None], np.minimum(rates[at], HIGHEST_RATE), 0.0).astype(np.float32)
    low, high = found[same].min(), found[same].max()
    others = len(pairs) - int(same.sum())
    rest = f" {others:,} pairs were not audited with this label, and count as right." if others else ""
    say(f"Labels err at rates from {low:.1%} to {high:.1%}, {by} in {audit.path}.{rest}")
    for side, name in enumerate(ERROR_RATES):
        pairs = pairs.append_column(name, pa.array(found[:, side], pa.float32()))
    return pairs


def _rates(audit: AuditFolder) -> tuple[NDArray[np.float64], str]:
    strengths = audit.strengths
    if set(ERROR_RATES) <= set(strengths.column_names) and strengths[ERROR_RATES[0]].null_count < len(strengths):
        columns = [strengths[name].fill_null(0.0).to_numpy() for name in ERROR_RATES]
        return np.stack(columns, axis=1), "by the structured audit"
    noise = audit.metrics["label_noise"]
    if noise is None:
        raise ConfigError(f"--noise_aware {audit.path}: that audit could not say how many labels are wrong.")
    return np.full((len(strengths), 2), noise["value"]), "the share of wrong labels"
