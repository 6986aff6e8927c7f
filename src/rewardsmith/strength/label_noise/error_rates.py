"""What an audit says of how often labels err, for training that knows it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.tables import ERROR_RATES
from rewardsmith.errors import ConfigError

HIGHEST_RATE = 0.45
"""At a half, a loss would learn nothing from a label."""


def with_error_rates(
    pairs: pa.Table, audited: pa.Table, strengths: pa.Table, share_wrong: float | None, audit: str
) -> pa.Table:
    """``pairs`` with two columns more: error rates by the structured audit, else the audit's share of wrong labels.

    ``audited`` are the pairs as the audit saw them, with its ``strengths``; ``audit`` names it in messages.
    Pairs are found by their id. A label that is no longer the audited one was given by somebody who knew the audit: it
    counts as right, as do pairs that were not audited. ``ConfigError`` where the audit knows no pair, or no rates.
    """
    rates, by = _rates(strengths, share_wrong, audit)
    place = {name: i for i, name in reversed(list(enumerate(audited["pair_id"].to_pylist())))}
    at = np.array([place.get(name, -1) for name in pairs["pair_id"].to_pylist()])
    same = (at >= 0) & (audited["target"].to_numpy()[at] == pairs["target"].to_numpy())
    if not same.any():
        raise ConfigError(
            f"`noise_aware` {audit}: none of these pairs stands there with its label. Audit this set first."
        )
    found = np.where(same[:, None], np.minimum(rates[at], HIGHEST_RATE), 0.0).astype(np.float32)
    low, high = found[same].min(), found[same].max()
    others = len(pairs) - int(same.sum())
    rest = f" {others:,} pairs were not audited with this label, and count as right." if others else ""
    say(f"Labels err at rates from {low:.1%} to {high:.1%}, {by} in {audit}.{rest}")
    for side, name in enumerate(ERROR_RATES):
        pairs = pairs.append_column(name, pa.array(found[:, side], pa.float32()))
    return pairs


def _rates(strengths: pa.Table, share_wrong: float | None, audit: str) -> tuple[NDArray[np.floating], str]:
    if set(ERROR_RATES) <= set(strengths.column_names) and strengths[ERROR_RATES[0]].null_count < len(strengths):
        columns = [strengths[name].fill_null(0.0).to_numpy() for name in ERROR_RATES]
        return np.stack(columns, axis=1), "by the structured audit"
    if share_wrong is None:
        raise ConfigError(f"`noise_aware` {audit}: that audit could not say how many labels are wrong.")
    return np.full((len(strengths), 2), share_wrong), "the share of wrong labels"
