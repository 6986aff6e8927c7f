"""What do annotators prefer on real sets, how often does chance look like a preference, and how long does it take?

Question   Which features of the text do preferred responses have more of? Are labels that know nothing of the text
           called a clear leaning as rarely as is said? How many seconds of one core do 50,000 pairs take?
Workload   Six public sets, whole; of each, copies whose labels are turned by a coin; all of HH-RLHF, six times over.
Ceiling    A clear feature in 0.05 of the copies; reading the texts once.
Command    OMP_NUM_THREADS=1 python benchmarks/leanings.py FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.metrics.leaning import adjusted, grouped_share
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.leanings.features import response_features
from rewardsmith.strength.leanings.leanings import leanings_of

SETS = ("hh_rlhf/harmless-base", "hh_rlhf/helpful-base", "ukp_convarg", "pandalm_test", "llmbar", "llmfao")
LARGEST = "hh_rlhf"
NUM_COPIES, NUM_REPEATS, NUM_PAIRS = 200, 5, 50_000


def pairs_of(folder: Path, name: str) -> pa.Table:
    return load_preferences(str(folder / name), DataOptions(), 0).table


def tested(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows of the whole set that could be tested."""
    for row in leanings_of(pairs):
        if row["of"] == "all" and row["p_value"] is not None:
            yield {**row}


def false_alarms(pairs: pa.Table) -> tuple[float, float]:
    """Share of copies in which any feature is called clear: a coin for each pair, and one for each group of prompts.

    The second keeps what the labels of a prompt have in common, and nothing else.
    """
    chosen, rejected = response_features(pairs)
    groups = np.unique(pairs["split_group"].to_pylist(), return_inverse=True)[1]
    return alarmed(chosen - rejected, groups, np.arange(len(pairs))), alarmed(chosen - rejected, groups, groups)


def alarmed(difference: NDArray[np.float64], groups: NDArray[np.int64], coins: NDArray[np.int64]) -> float:
    rng = np.random.default_rng(0)
    differs = [np.flatnonzero(column) for column in difference.T]
    alarms = 0
    for _ in range(NUM_COPIES):
        more = difference * rng.choice([-1, 1], coins.max() + 1)[coins][:, None] > 0
        p_values = [grouped_share(more[rows, i], groups[rows])[1] for i, rows in enumerate(differs)]
        alarms += min((p for p in adjusted(p_values) if p == p), default=1.0) <= 0.05
    return alarms / NUM_COPIES


def seconds(pairs: pa.Table) -> list[float]:
    """Of ``leanings_of`` for ``NUM_PAIRS`` pairs."""
    many = pa.concat_tables([pairs] * (1 + NUM_PAIRS // len(pairs))).slice(0, NUM_PAIRS).combine_chunks()
    found = []
    for _ in range(NUM_REPEATS):
        start = process_time()
        leanings_of(many)
        found.append(process_time() - start)
    return found


def words(interval: IntervalNumbers) -> str:
    value, low, high = interval["value"], interval["low"], interval["high"]
    return "-" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    folder, found = Path(sys.argv[1]), {}
    for name in SETS:
        pairs = pairs_of(folder, f"{name}.jsonl.gz")
        rows, alarms = list(tested(pairs)), false_alarms(pairs)
        print(f"\n{name}: {len(pairs):,} pairs; false alarms by pairs {alarms[0]:.3f}, by groups {alarms[1]:.3f}")
        print("feature | differ | preferred has more | mean difference | at one length | clear")
        for row in rows:
            numbers = (words(row["share"]), words(row["difference"]), words(row["like_length"]))
            differ, clear = row["num_more"] + row["num_less"], "yes" if row["is_clear"] else ""
            print(row["feature"], differ, *numbers, clear, sep=" | ")
        found[name] = {"false_alarms": alarms, "clear": [row["feature"] for row in rows if row["is_clear"]]}
    times = seconds(pairs_of(folder, LARGEST))
    print(f"\n{NUM_PAIRS:,} pairs, of one core: {median(times):.1f} s ({min(times):.1f} to {max(times):.1f})")
    print(json.dumps({"sets": found, "seconds": times}))


if __name__ == "__main__":
    main()
