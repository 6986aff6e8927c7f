"""A scorer on a preference set: how often it agrees with the labels, where, and how sure one can be of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.evaluate import ByLength, CategorySlice, LengthDifferenceSlice, RewardNumbers, Slice
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.evaluation.calibration import calibration_metrics
from rewardsmith.evaluation.scored_pairs import ScoredPairs, credit_interval, score_pairs
from rewardsmith.metrics.accuracy import pair_accuracy, pair_credit
from rewardsmith.metrics.calibration import negative_log_likelihood
from rewardsmith.preferences.pairs.pair_table import response_lengths

NUM_LENGTH_BINS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RewardBenchmark:
    """Numbers of a scorer on a set."""

    metrics: RewardNumbers
    scored: ScoredPairs


def benchmark_rewards(
    scorer: Scorer,
    pairs: pa.Table,
    seed: int = 0,
    num_resamples: int = 1000,
    kept_temperature: float | None = None,
) -> RewardBenchmark:
    """Scores both responses of every pair and compares with the labels. Pairs of weight 0 are left out and counted.

    Accuracy is over pairs whose label and rewards both decide; a second number gives tied rewards half credit. A target
    under 0.5 says that ``rejected`` is the better one. Intervals resample prompts. ``kept_temperature``: the one that
    the model carries, if it does.
    """
    scored = score_pairs(scorer, pairs)
    used, gap, target, prompts = scored.pairs, scored.gap, scored.target, scored.prompts
    lengths = response_lengths(used)
    longer = (lengths[0] - lengths[1]).astype(np.float64)
    credit = pair_credit(gap, target)
    strict = np.where(credit == 0.5, np.nan, credit)
    counts = pair_accuracy(gap, target)
    rewards = np.concatenate([scored.chosen, scored.rejected])
    ends = credit_interval(strict, prompts, seed, num_resamples)
    ends_ties_half = credit_interval(credit, prompts, seed, num_resamples)
    metrics: RewardNumbers = {
        "eval_accuracy": counts.accuracy,
        "eval_accuracy_ci_low": ends[0],
        "eval_accuracy_ci_high": ends[1],
        "eval_accuracy_ties_half": counts.accuracy_ties_half,
        "eval_accuracy_ties_half_ci_low": ends_ties_half[0],
        "eval_accuracy_ties_half_ci_high": ends_ties_half[1],
        "eval_nll": negative_log_likelihood(gap, target),
        "eval_gap_mean": float(gap.mean()),
        "eval_gap_std": float(gap.std()),
        "eval_mean_reward": float(rewards.mean()),
        "eval_min_reward": float(rewards.min()),
        "eval_max_reward": float(rewards.max()),
        "eval_num_pairs": counts.num_pairs,
        "eval_num_ties": counts.num_ties,
        "eval_num_label_ties": counts.num_label_ties,
        "eval_num_without_weight": scored.num_without_weight,
        "eval_num_prompts": len(np.unique(prompts)),
        **calibration_metrics(scored, kept_temperature, seed, num_resamples),
        "by_category": by_category(used, gap, longer, target, prompts, seed, num_resamples),
        **by_length(gap, longer, target, prompts, seed, num_resamples),
    }
    return RewardBenchmark(metrics, scored)


def reward_table(scored: ScoredPairs, compared: ScoredPairs | None = None) -> pa.Table:
    """One row a pair: pair_id, row, reward_chosen, reward_rejected, gap and credit (1, 0.5 tie, 0; null: label tie).

    ``compared``: another model on the same pairs, with columns of its own that end with ``_compared``.
    """
    table = scored.pairs.select(["pair_id", "row"])
    for suffix, each in (("", scored), ("_compared", compared)):
        if each is not None:
            credit = pair_credit(each.gap, each.target)
            for name, values in (("reward_chosen", each.chosen), ("reward_rejected", each.rejected), ("gap", each.gap)):
                table = table.append_column(name + suffix, pa.array(values.astype(np.float32)))
            table = table.append_column("credit" + suffix, pa.array(credit.astype(np.float32), mask=np.isnan(credit)))
    return table


def by_category(
    pairs: pa.Table,
    gap: Floats,
    longer: Floats,
    target: Floats,
    prompts: NDArray[Any],
    seed: int,
    num_resamples: int,
) -> list[CategorySlice] | None:
    """The numbers of each category, the largest first; None where the set has no categories.

    ``longer``: characters by which chosen is longer. "The longer one is better" is a baseline within each category:
    one that length decides says little of a model.
    """
    names = np.asarray([name if name is not None else "" for name in pairs.column("category").to_pylist()])
    if not (names != "").any():
        return None
    found: list[CategorySlice] = []
    kinds, codes = np.unique(names, return_inverse=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    for name, inside in zip(kinds, rows, strict=True):
        numbers = slice_numbers(gap[inside], target[inside], prompts[inside], seed, num_resamples)
        by_longer = slice_numbers(longer[inside], target[inside], prompts[inside], seed, num_resamples)
        found.append(
            {
                "name": str(name) or "(none)",
                "length_accuracy": by_longer["accuracy"],
                "length_accuracy_ci_low": by_longer["accuracy_ci_low"],
                "length_accuracy_ci_high": by_longer["accuracy_ci_high"],
                **numbers,
            }
        )
    return sorted(found, key=lambda entry: -entry["count"])


def by_length(
    gap: Floats, longer: Floats, target: Floats, prompts: NDArray[Any], seed: int, num_resamples: int
) -> ByLength:
    """Accuracy by how much longer the preferred response is (characters), and that of "the longer one is better".

    ``eval_length_accuracy`` is a baseline that reads nothing; responses of one length are ties to it.
    """
    preferred_longer = longer * np.sign(target - 0.5)
    decided = target != 0.5
    slices: list[LengthDifferenceSlice] = []
    by_longer = slice_numbers(longer, target, prompts, seed, num_resamples)
    result: ByLength = {
        "eval_length_accuracy": by_longer["accuracy"],
        "eval_length_accuracy_ci_low": by_longer["accuracy_ci_low"],
        "eval_length_accuracy_ci_high": by_longer["accuracy_ci_high"],
        "by_length_difference": slices,
    }
    if not decided.any():
        return result
    edges = np.unique(np.quantile(preferred_longer[decided], np.linspace(0, 1, NUM_LENGTH_BINS + 1)))
    place = np.clip(np.searchsorted(edges, preferred_longer, side="right") - 1, 0, max(0, len(edges) - 2))
    for index in range(max(1, len(edges) - 1)):
        inside = decided & (place == index)
        if inside.any():
            inner = preferred_longer[inside]
            numbers = slice_numbers(gap[inside], target[inside], prompts[inside], seed, num_resamples)
            slices.append({"from": int(inner.min()), "to": int(inner.max()), **numbers})
    return result


def slice_numbers(gap: Floats, target: Floats, prompts: NDArray[Any], seed: int, num_resamples: int) -> Slice:
    """Count, both accuracies with the interval of the first, mean gap of chosen less rejected, ties."""
    counts = pair_accuracy(gap, target)
    credit = pair_credit(gap, target)
    low, high = credit_interval(np.where(credit == 0.5, np.nan, credit), prompts, seed, num_resamples)
    return {
        "count": len(gap),
        "accuracy": counts.accuracy,
        "accuracy_ci_low": low,
        "accuracy_ci_high": high,
        "accuracy_ties_half": counts.accuracy_ties_half,
        "gap_mean": float(gap.mean()),
        "num_ties": counts.num_ties,
        "num_label_ties": counts.num_label_ties,
    }
