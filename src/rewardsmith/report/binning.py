"""Columns of a million pairs reduced to what a figure can show. Arrays in, small arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.contracts.tables import STRENGTH_CLASSES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """Counts by class. ``edges`` [K+1], ``counts`` [C, K]; values outside the range are counted, not drawn."""

    edges: Floats
    counts: NDArray[np.int64]
    num_outside: int


@dataclass(frozen=True)
class Grid:
    """Counts in two dimensions: ``counts`` [X, Y]."""

    x_edges: Floats
    y_edges: Floats
    counts: NDArray[np.int64]
    num_outside: int


def numbers_of(table: pa.Table, name: str) -> Floats:
    """A numeric column as float64 [N]; null and absent columns become NaN."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = table.column(name).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def strength_columns(strengths: pa.Table) -> tuple[Floats, Floats, bool]:
    """Mean, spread, and whether they come from judges that never saw the pair (else: from its own trainers)."""
    mean = numbers_of(strengths, "strength_mean")
    if np.isfinite(mean).any():
        return mean, numbers_of(strengths, "strength_std"), True
    return (
        numbers_of(strengths, "strength_mean_in_sample"),
        numbers_of(strengths, "strength_std_in_sample"),
        False,
    )


def classes_of(strengths: pa.Table) -> NDArray[np.int64]:
    """Index into ``STRENGTH_CLASSES`` [N]; -1 where a pair has no class."""
    if "strength_class" not in strengths.column_names:
        return np.full(strengths.num_rows, -1)
    text = strengths.column("strength_class").cast(pa.string())
    index = pc.fill_null(pc.index_in(text, value_set=pa.array(STRENGTH_CLASSES)), -1)
    return np.asarray(index.to_numpy(zero_copy_only=False), dtype=np.int64)


def display_range(values: Floats) -> tuple[float, float]:
    """Where the values lie, a thousandth cut at each end so that one outlier does not flatten a figure."""
    if values.size == 0:
        return -1.0, 1.0
    low, high = (float(v) for v in np.quantile(values, [0.001, 0.999]))
    pad = 0.02 * (high - low) or 0.5
    return low - pad, high + pad


def nice_edges(low: float, high: float, target: int) -> Floats:
    """About ``target`` equal bins on round numbers; zero, where inside, is an edge, so no bar mixes both signs."""
    raw = (high - low) / target
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * min((m for m in (1, 2, 2.5, 5, 10) if m * power >= raw), default=10)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    edges: Floats = step * np.arange(first, last + 1, dtype=np.float64)
    return edges


def histogram_by_class(values: Floats, classes: NDArray[np.int64]) -> Histogram:
    """Finite values in round bins, one row a class (pairs without a class are counted in the last, extra row)."""
    keep = np.isfinite(values)
    values, classes = values[keep], classes[keep]
    edges = nice_edges(*display_range(values), 60)
    inside = (values >= edges[0]) & (values < edges[-1])
    rows = np.where(classes < 0, len(STRENGTH_CLASSES), classes)[inside]
    bins = np.searchsorted(edges, values[inside], side="right") - 1
    num_bins = edges.size - 1
    flat = np.bincount(rows * num_bins + bins, minlength=(len(STRENGTH_CLASSES) + 1) * num_bins)
    return Histogram(edges, flat.reshape(-1, num_bins), int((~inside).sum()))


def grid(x: Floats, y: Floats, num_x: int, num_y: int) -> Grid:
    """Two-dimensional counts of the pairs where both values are known."""
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    x_edges = nice_edges(*display_range(x), num_x)
    low, high = display_range(y)
    y_edges = nice_edges(max(low, 0.0) if y.size and y.min() >= 0 else low, high, num_y)
    counts, _, _ = np.histogram2d(x, y, bins=[x_edges, y_edges])
    return Grid(x_edges, y_edges, counts.astype(np.int64), int(x.size - counts.sum()))
