"""The strengths table: one row a pair, with the paper's four classes and its twenty groups by stated rules."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.tables import ERROR_RATES, STRENGTH_CLASSES, strengths_schema
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise

NUM_BINS = 20
WRONG = 0.5
UNDECIDED = 0.6
SURE = 0.9


def strengths_table(
    pairs: pa.Table,
    judged: Judgements,
    p_wrong: NDArray[np.float64],
    classes: NDArray[np.int8],
    structured: CellNoise | None = None,
    second: NDArray[np.float64] | None = None,
) -> pa.Table:
    """Members' gaps, their summaries and the verdict on each pair, by the schema in ``contracts.tables``.

    ``structured``: what the structured audit found, where it was asked. ``second`` [N]: second labels, where there are
    any.
    """
    unasked = np.full(len(pairs), np.nan)
    rates = [unasked, unasked] if structured is None else list(structured.error_rates.T)
    schema = strengths_schema(judged.gaps.shape[1])
    held_out, in_sample = judged.held_out(), judged.in_sample()
    known = held_out.mean if not np.isnan(held_out.mean).all() else in_sample.mean
    bins = strength_bins(known)
    names = pa.DictionaryArray.from_arrays(pa.array(classes, mask=classes < 0), list(STRENGTH_CLASSES))
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        **{name: pairs[name] for name in ("pair_id", "row", "split_group")},
        **{f"gap_{m}": _floats(judged.gaps[:, m]) for m in range(judged.gaps.shape[1])},
        **{f"trained_{m}": pa.array(judged.trained[:, m]) for m in range(judged.gaps.shape[1])},
        "num_judges": pa.array(judged.num_judges.astype(np.int32)),
        "strength_mean": _floats(held_out.mean),
        "strength_std": _floats(held_out.std),
        "strength_mean_in_sample": _floats(in_sample.mean),
        "strength_std_in_sample": _floats(in_sample.std),
        "p_wrong": _floats(p_wrong),
        "strength_class": names,
        "strength_bin": pa.array(bins, mask=bins < 0),
        "p_wrong_structured": _floats(unasked if structured is None else structured.p_wrong),
        **{name: _floats(rate) for name, rate in zip(ERROR_RATES, rates, strict=True)},
        "second_target": _floats(unasked if second is None else second),
    }
    return pa.table(columns).cast(schema)


def strength_classes(
    belief: NDArray[np.float64],
    p_wrong: NDArray[np.float64],
    decided: NDArray[np.bool_],
    level: ClaimLevel = "labels_judged",
) -> NDArray[np.int8]:
    """Index into ``STRENGTH_CLASSES`` for each pair [N]; -1 where nothing is known, and everywhere at `cannot_tell`.

    incorrect: the label is more likely wrong than right (p_wrong > 0.5); only where labels are judged. ambiguous: the
    judges cannot tell the responses apart (belief between 0.4 and 0.6). strong: the judges are sure of the label
    (belief of 0.9 or more). Labels that call a tie are ambiguous. normal: all others. The paper cuts at fixed
    quantiles instead; here the data decide how many of each there are.
    """
    names = {name: index for index, name in enumerate(STRENGTH_CLASSES)}
    classes = np.full(len(belief), names["normal"], dtype=np.int8)
    classes[np.abs(belief - 0.5) < UNDECIDED - 0.5] = names["ambiguous"]
    classes[belief >= SURE] = names["strong"]
    classes[~decided] = names["ambiguous"]
    if level == "labels_judged":
        classes[p_wrong > WRONG] = names["incorrect"]
    classes[np.isnan(belief) | (level == "cannot_tell")] = -1
    return classes


def strength_bins(strength: NDArray[np.float64]) -> NDArray[np.int32]:
    """Which of 20 groups of equal size, by rising strength, a pair belongs to (paper, section 2.2); -1 for NaN."""
    bins = np.full(len(strength), -1, dtype=np.int32)
    seen = np.flatnonzero(~np.isnan(strength))
    order = seen[np.argsort(strength[seen], kind="stable")]
    bins[order] = np.arange(len(order)) * NUM_BINS // max(1, len(order))
    return bins


def _floats(values: NDArray[np.floating]) -> pa.Array:
    """float32 with null for NaN."""
    return pa.array(values.astype(np.float32), from_pandas=True)
