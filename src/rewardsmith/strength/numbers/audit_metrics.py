"""The numbers of an audit, as they stand in ``metrics.json``; ``report/audit/words`` puts them into words."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import (
    AccuracyNumbers,
    Annotator,
    AuditNumbers,
    ClaimNumbers,
    DataNumbers,
    EnsembleNumbers,
    Finding,
    LabelNoiseNumbers,
    LengthNumbers,
    LengthOnly,
    StrengthNumbers,
)
from rewardsmith.contracts.metrics.leanings import LeaningNumbers
from rewardsmith.contracts.metrics.parts import EstimateNumbers, Range
from rewardsmith.contracts.metrics.planted import PlantedNumbers
from rewardsmith.contracts.metrics.stability import StabilityNumbers
from rewardsmith.contracts.tables import SCHEMA_VERSION, STRENGTH_CLASSES
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.intervals import group_bootstrap
from rewardsmith.metrics.ranking import rank_correlation
from rewardsmith.preferences.pairs.pair_table import response_lengths
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.second_labels import SecondLabels
from rewardsmith.strength.audited import Audited
from rewardsmith.strength.ensembles.ensemble import Truncation
from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.ensembles.probe import L2_GRID
from rewardsmith.strength.numbers.category_metrics import category_metrics, structured_metrics
from rewardsmith.strength.numbers.claimed_numbers import claimed
from rewardsmith.strength.numbers.second_numbers import second_numbers
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.table import NUM_BINS, WRONG

NUM_LENGTH_BINS = 20
MAX_ANNOTATORS = 200  # by name; a long tail stays in the tables

Floats = NDArray[np.float64]


def audit_metrics(
    given: PreferenceSet,
    audited: Audited,
    claim: ClaimNumbers,
    planted: list[PlantedNumbers],
    stability: StabilityNumbers | None,
    leanings: LeaningNumbers,
    options: StrengthOptions,
    model: str,
    truncation: Truncation | None,
    seed: int,
    second: SecondLabels | None = None,
) -> AuditNumbers:
    """JSON-ready: no NaN, no arrays. What could not be measured, or may not be claimed, is None.

    ``model``: by which judges read.
    """
    pairs, gap = given.table, audited.gap
    target = pairs["target"].to_numpy()
    decided = (target != 0.5) & ~np.isnan(gap) & (pairs["weight"].to_numpy() > 0)  # dropped pairs count nowhere
    groups = _codes(pairs["split_group"])
    longer = as_labelled(np.subtract(*response_lengths(pairs)), target)
    numbers: AuditNumbers = {
        "schema_version": SCHEMA_VERSION,
        "dataset_name": given.name,
        "title": f"Audit of {given.name}",
        "claim": claim,
        "data": _data(given, groups, truncation),
        "ensemble": _ensemble(options, model, audited),
        "strength": _strength(audited, target, decided),
        "accuracy": _accuracy(audited, target, decided, longer, groups, seed),
        "label_noise": _label_noise(audited, decided),
        "planted_flips": planted or None,
        "length": _length(gap, longer, decided),
        "categories": category_metrics(pairs, audited, decided),
        "structured": structured_metrics(pairs, audited.structured),
        "annotators": _annotators(audited),
        "leanings": leanings,
        "stability": stability,
    }
    if second is not None:
        numbers["second_labels"] = second_numbers(second, audited, groups)
    return claimed(numbers)


def _data(given: PreferenceSet, groups: NDArray[np.int64], truncation: Truncation | None) -> DataNumbers:
    return {
        "num_rows_read": given.num_rows_read,
        "num_rows_available": given.num_rows_available,
        "num_pairs": len(given.table),
        "num_quarantined": len(given.quarantine),
        "quarantine_by_reason": given.quarantine_by_reason,
        "findings": _findings(given),
        "num_prompts": int(_codes(given.table["prompt_id"]).max(initial=-1)) + 1,
        "num_groups": int(groups.max(initial=-1)) + 1,
        "num_responses": _num_responses(given.table),
        "num_ties": int((given.table["target"].to_numpy() == 0.5).sum()),
        "format": given.format,
        "truncated_share": truncation.share if truncation else None,
        "max_length": truncation.max_length if truncation else None,
        "max_length_enough": truncation.enough if truncation else None,
        "max_length_limit": truncation.limit if truncation else None,
    }


def _findings(given: PreferenceSet) -> list[Finding]:
    return [
        {
            "check": found.check,
            "count": found.count,
            "action": found.action,
            "message": found.message,
            "examples": found.examples,
        }
        for found in given.findings
    ]


def _annotators(audited: Audited) -> list[Annotator] | None:
    return [
        {"name": a.name, "count": a.count, "error_rate": a.error_rate, "low": a.low, "high": a.high}
        for a in audited.annotators[:MAX_ANNOTATORS]
    ] or None


def _num_responses(pairs: pa.Table) -> int:
    """Distinct responses, told apart by prompt and text."""
    prompts = _codes(pairs["prompt_id"])
    texts = pa.chunked_array([text for name in ("chosen", "rejected") for text in _texts(pairs[name])])
    keys = np.stack([np.concatenate([prompts, prompts]), _codes(texts)])
    return int(np.unique(keys, axis=1).shape[1])


def _texts(responses: pa.ChunkedArray) -> list[pa.Array]:
    """The text of each response, which is one message."""
    return [pc.struct_field(pc.list_element(chunk, 0), "content") for chunk in responses.chunks]


def _ensemble(options: StrengthOptions, model: str, audited: Audited) -> EnsembleNumbers:
    kind, judges = options.kind, audited.judged.num_judges
    choices = Counter(audited.judged.choices).most_common(6)
    return {
        "kind": options.ensemble,
        "model": model if kind.refits else None,
        "num_members": audited.judged.gaps.shape[1],
        "num_judges": int(np.median(judges)) if len(judges) else 0,
        "num_pairs_without_judges": int((judges < 2).sum()),
        "num_folds": options.num_folds if kind.fits_heads else None,
        "fold_by": options.fold_by,
        "crossfit": options.crossfit,
        "share_at_end_of_grid": _share_at_end_of_grid(audited.judged.choices) if kind.fits_heads else None,
        "choices": [{"choice": choice, "count": count} for choice, count in choices],
    }


def _share_at_end_of_grid(choices: tuple[str, ...]) -> float:
    """Share of members whose penalty is the smallest or largest on offer: near 0, or the grid was too narrow."""
    ends = tuple(f"l2 {end:g}" for end in (L2_GRID[0], L2_GRID[-1]))
    return sum(choice.endswith(ends) for choice in choices) / len(choices)


def _strength(audited: Audited, target: NDArray[np.float32], decided: NDArray[np.bool_]) -> StrengthNumbers:
    held_out, in_sample = audited.judged.held_out(), audited.judged.in_sample()
    label_gaps = [as_labelled(strength.mean, target)[decided] for strength in (held_out, in_sample)]
    bins = audited.table["strength_bin"].to_numpy(zero_copy_only=False)
    incorrect, ambiguous, normal, strong = (int((audited.classes == i).sum()) for i in range(len(STRENGTH_CLASSES)))
    return {
        "share_negative_mean": _share_negative(label_gaps[0]),
        "share_negative_mean_in_sample": _share_negative(label_gaps[1]),
        "classes": {"incorrect": incorrect, "ambiguous": ambiguous, "normal": normal, "strong": strong},
        "spread_by_bin": [
            {
                "bin": b,
                "count": int((bins == b).sum()),
                "strength_mean": _mean(held_out.mean[bins == b]),
                "strength_std": _mean(held_out.std[bins == b]),
                "strength_mean_in_sample": _mean(in_sample.mean[bins == b]),
                "strength_std_in_sample": _mean(in_sample.std[bins == b]),
            }
            for b in range(NUM_BINS)
            if (bins == b).any()
        ],
    }


def _accuracy(
    audited: Audited,
    target: NDArray[np.float32],
    decided: NDArray[np.bool_],
    longer: Floats,
    groups: NDArray[np.int64],
    seed: int,
) -> AccuracyNumbers:
    in_sample = as_labelled(audited.judged.in_sample().mean, target)[decided]
    accuracy: AccuracyNumbers = {
        "held_out": None if audited.in_sample else _credit(audited.gap[decided], groups[decided], seed),
        "in_sample": _mean(pair_credit(in_sample[~np.isnan(in_sample)])),
        "length_only": _length_only(longer[decided], groups[decided], seed),
        "attainable": None,
    }
    share = None if audited.in_sample else _share_wrong(audited, decided)
    if share:
        accuracy["attainable"] = {"value": 1 - share["value"], "low": 1 - share["high"], "high": 1 - share["low"]}
    return accuracy


def _share_wrong(audited: Audited, decided: NDArray[np.bool_]) -> Range | None:
    """Mean p_wrong, votes and annotators included, with the range of the rate of errors drawn out to it."""
    if audited.noise is None:
        return None
    value = float(np.nanmean(audited.p_wrong[decided]))
    return {"value": value, "low": min(audited.noise.low, value), "high": max(audited.noise.high, value)}


def _credit(gap: Floats, groups: NDArray[np.int64], seed: int) -> EstimateNumbers | None:
    if not len(gap):
        return None
    credit = group_bootstrap(pair_credit(gap), groups, seed=seed)
    return {**credit.as_dict(), "value": credit.value}


def _length_only(longer: Floats, groups: NDArray[np.int64], seed: int) -> LengthOnly | None:
    """Accuracy of "the longer one" or "the shorter one", whichever suits these labels; equal lengths count half."""
    sign = -1.0 if np.sign(longer).sum() < 0 else 1.0
    found = _credit(sign * longer, groups, seed)
    if found is None:
        return None
    return {**found, "prefers": "longer" if sign > 0 else "shorter"}


def _label_noise(audited: Audited, decided: NDArray[np.bool_]) -> LabelNoiseNumbers | None:
    if audited.noise is None:
        return None
    noise, p_wrong = audited.noise, audited.p_wrong[decided]
    flagged = p_wrong > WRONG
    share = _share_wrong(audited, decided)
    assert share is not None
    return {
        **share,
        "identifiable": noise.identifiable and not audited.in_sample,
        "in_sample": audited.in_sample,
        "num_groups": noise.num_groups,
        "kept": audited.kept,
        "vote_error": audited.vote_error,
        "num_labels": int(decided.sum()),
        "expected_wrong": float(np.nansum(p_wrong)),
        "num_flagged": int(flagged.sum()),
        "expected_wrong_flagged": float(p_wrong[flagged].sum()),
    }


def _length(gap: Floats, longer: Floats, decided: NDArray[np.bool_]) -> LengthNumbers | None:
    gap, longer = gap[decided], longer[decided]
    if len(gap) < NUM_LENGTH_BINS or not longer.any():
        return None
    edges = np.unique(np.quantile(longer, np.linspace(0, 1, NUM_LENGTH_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, longer, side="right")
    return {
        "spearman": rank_correlation(longer, gap),
        "longer_preferred_share": float((longer > 0).mean() + 0.5 * (longer == 0).mean()),
        "bins": [
            {
                "length_difference": float(longer[bins == b].mean()),
                "strength_mean": float(gap[bins == b].mean()),
                "count": int((bins == b).sum()),
                "longer_chosen_share": float((longer[bins == b] > 0).mean()),
            }
            for b in range(len(edges) + 1)
            if (bins == b).any()
        ],
    }


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """A number for each distinct value, -1 for null."""
    indices = column.combine_chunks().dictionary_encode().indices
    return np.asarray(indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _share_negative(gap: Floats) -> float | None:
    known = gap[~np.isnan(gap)]
    return float((known < 0).mean()) if len(known) else None


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
