"""A scorer on a preference set: how often it agrees with the labels, where, and how sure one can be of that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.pair_conversations import pair_conversations
from rewardsmith.errors import DataError, RunError
from rewardsmith.metrics.accuracy import pair_accuracy, pair_credit
from rewardsmith.metrics.intervals import group_bootstrap, wilson
from rewardsmith.metrics.likelihood import negative_log_likelihood

NUM_LENGTH_BINS = 5
NAMED_PAIRS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RewardBenchmark:
    """Numbers of a scorer on a set."""

    metrics: dict[str, Any]
    """Ready for JSON; names as TRL's, with ``eval_``. What is not defined on this set is None."""
    rewards: pa.Table
    """One row a pair: pair_id, row, reward_chosen, reward_rejected, gap, credit (1, 0.5 tie, 0; null: label tie)."""


def benchmark_rewards(scorer: Scorer, pairs: pa.Table, seed: int = 0, num_resamples: int = 1000) -> RewardBenchmark:
    """Scores both responses of every pair and compares with the labels. Pairs of weight 0 are left out and counted.

    Accuracy is over pairs whose label and rewards both decide; a second number gives tied rewards half credit. A target
    under 0.5 says that ``rejected`` is the better one. Intervals resample prompts.
    """
    used = pairs.filter(pa.array(pairs.column("weight").to_numpy() > 0))
    if not len(used):
        raise DataError(f"no pair to evaluate on: {len(pairs)} read, all of weight 0." if len(pairs) else "no pair.")
    chosen, rejected = score_pairs(scorer, used)
    gap = chosen - rejected
    target = used.column("target").to_numpy().astype(np.float64)
    credit = pair_credit(gap, target)
    prompts = np.asarray(used.column("prompt_id").to_pylist())
    strict = np.where(credit == 0.5, np.nan, credit)
    counts = pair_accuracy(gap, target)
    metrics = {
        "eval_accuracy": counts.accuracy,
        **_interval("eval_accuracy_ci", strict, prompts, seed, num_resamples),
        "eval_accuracy_ties_half": counts.accuracy_ties_half,
        **_interval("eval_accuracy_ties_half_ci", credit, prompts, seed, num_resamples),
        "eval_nll": negative_log_likelihood(gap, target),
        "eval_gap_mean": float(gap.mean()),
        "eval_gap_std": float(gap.std()),
        "eval_mean_reward": float(np.concatenate([chosen, rejected]).mean()),
        "eval_min_reward": float(min(chosen.min(), rejected.min())),
        "eval_max_reward": float(max(chosen.max(), rejected.max())),
        "eval_num_pairs": counts.num_pairs,
        "eval_num_ties": counts.num_ties,
        "eval_num_label_ties": counts.num_label_ties,
        "eval_num_without_weight": len(pairs) - len(used),
        "eval_num_prompts": len(np.unique(prompts)),
        "by_category": by_category(used, gap, target, prompts, seed, num_resamples),
        **by_length(used, gap, target, prompts, seed, num_resamples),
    }
    table = pa.table(
        {
            "pair_id": used.column("pair_id"),
            "row": used.column("row"),
            "reward_chosen": pa.array(chosen.astype(np.float32)),
            "reward_rejected": pa.array(rejected.astype(np.float32)),
            "gap": pa.array(gap.astype(np.float32)),
            "credit": pa.array(credit.astype(np.float32), mask=np.isnan(credit)),
        }
    )
    return RewardBenchmark(metrics, table)


def score_pairs(scorer: Scorer, pairs: pa.Table) -> tuple[Floats, Floats]:
    """Rewards of chosen and rejected, [N] each; a conversation that comes several times is scored once.

    ``RunError`` names the rows of rewards that are not finite numbers.
    """
    sides = pair_conversations(pairs)
    position: dict[str, int] = {}
    distinct: list[Conversation] = []
    places = np.empty((2, len(pairs)), dtype=np.int64)
    for side, conversations in enumerate(sides):
        for i, conversation in enumerate(conversations):
            key = json.dumps([[message["role"], message["content"]] for message in conversation])
            if key not in position:
                position[key] = len(distinct)
                distinct.append(conversation)
            places[side, i] = position[key]
    rewards = scorer.score(distinct).astype(np.float64)
    chosen, rejected = rewards[places[0]], rewards[places[1]]
    bad = np.flatnonzero(~np.isfinite(chosen) | ~np.isfinite(rejected))
    if len(bad):
        more = ", ..." if len(bad) > NAMED_PAIRS else ""
        rows = ", ".join(str(pairs.column("row")[int(i)].as_py()) for i in bad[:NAMED_PAIRS])
        raise RunError(f"{len(bad)} of {len(pairs)} pairs got a reward that is not a finite number: row {rows}{more}.")
    return chosen, rejected


def by_category(
    pairs: pa.Table, gap: Floats, target: Floats, prompts: NDArray[Any], seed: int, num_resamples: int
) -> list[dict[str, Any]] | None:
    """The numbers of each category, the largest first; None where the set has no categories."""
    names = np.asarray([name if name is not None else "" for name in pairs.column("category").to_pylist()])
    if not (names != "").any():
        return None
    found = []
    for name in np.unique(names):
        inside = names == name
        numbers = slice_numbers(gap[inside], target[inside], prompts[inside], seed, num_resamples)
        found.append({"name": str(name) or "(none)", **numbers})
    return sorted(found, key=lambda entry: -int(entry["count"]))


def by_length(
    pairs: pa.Table, gap: Floats, target: Floats, prompts: NDArray[Any], seed: int, num_resamples: int
) -> dict[str, Any]:
    """Accuracy by how much longer the preferred response is (characters), and that of "the longer one is better".

    ``eval_length_accuracy`` is a baseline that reads nothing; responses of one length are ties to it.
    """
    lengths = [
        np.array([sum(len(m["content"]) for m in response) for response in pairs.column(side).to_pylist()], dtype=float)
        for side in ("chosen", "rejected")
    ]
    difference = lengths[0] - lengths[1]
    preferred_longer = difference * np.sign(target - 0.5)
    decided = target != 0.5
    result: dict[str, Any] = {
        "eval_length_accuracy": pair_accuracy(difference, target).accuracy,
        "by_length_difference": [],
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
            result["by_length_difference"].append({"from": int(inner.min()), "to": int(inner.max()), **numbers})
    return result


def slice_numbers(gap: Floats, target: Floats, prompts: NDArray[Any], seed: int, num_resamples: int) -> dict[str, Any]:
    """Count, both accuracies with the interval of the first, gap toward the label, ties."""
    counts = pair_accuracy(gap, target)
    credit = pair_credit(gap, target)
    return {
        "count": len(gap),
        "accuracy": counts.accuracy,
        **_interval("accuracy_ci", np.where(credit == 0.5, np.nan, credit), prompts, seed, num_resamples),
        "accuracy_ties_half": counts.accuracy_ties_half,
        "gap_mean": float(gap.mean()),
        "num_ties": counts.num_ties,
        "num_label_ties": counts.num_label_ties,
    }


def _interval(name: str, values: Floats, prompts: NDArray[Any], seed: int, num_resamples: int) -> dict[str, Any]:
    """95 % interval of a mean of credits over prompts.

    Where every pair has the same credit, resampling sees no spread at all; Wilson's interval over the prompts does not
    pretend to certainty there.
    """
    seen = ~np.isnan(values)
    interval = group_bootstrap(values, prompts, num_resamples=num_resamples, seed=seed)
    if interval.value in (0.0, 1.0):
        num_prompts = len(np.unique(prompts[seen]))
        interval = wilson(int(interval.value) * num_prompts, num_prompts)
    ends = {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: end if isfinite(end) else None for key, end in ends.items()}
