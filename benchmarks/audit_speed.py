"""How long does an audit take, how much memory, and does it grow in proportion to the rows?

Question   (a) a set from file to report with an empty cache, and again with cached features; (b) a million pairs with
           ready-made member scores; (c) 10,000 to 1,000,000 such pairs: time per pair.
Workload   Each audit is a process of its own, run by the command line; wall time, processor time and peak resident
           memory as the operating system counts them. Sets with ready-made scores are written first (not counted):
           short texts, four members, planted errors.
Floor      (a) the features: distinct tokens / the encoder's rate (about 10k tokens/s for embedded/minilm on 2 cores);
           (b) reading and hashing every text once.
Command    python benchmarks/audit_speed.py --dataset ../shared/data/hh_rlhf --sizes 10000 100000 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def timed_audit(arguments: list[str], cache: Path) -> dict[str, Any]:
    """One audit in a process of its own."""
    environment = {**os.environ, "REWARDSMITH_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "rewardsmith", "audit", *arguments, "--quiet", "--json"]
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise SystemExit(f"the audit failed with status {os.waitstatus_to_exitcode(status)}")
    metrics = json.loads(output.strip().splitlines()[-1])
    return {
        "wall_s": round(wall, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gib": round(usage.ru_maxrss / 2**20, 2),
        "pairs": metrics["data"]["num_pairs"],
        "truncated_share": metrics["data"]["truncated_share"],
        "report_mb": round(Path(metrics["report"]).stat().st_size / 1e6, 2),
        "timings": metrics["timings"],
    }


def write_scored_set(path: Path, num_pairs: int, seed: int = 0) -> None:
    """Pairs with four member scores a response, 15 % of the labels wrong."""
    rng = np.random.default_rng(seed)
    gap = np.abs(rng.normal(size=num_pairs)) * 2 * np.where(rng.random(num_pairs) < 0.15, -1, 1)
    chosen = gap[:, None] + rng.normal(size=(num_pairs, 4)) * 0.5
    index = np.arange(num_pairs)
    table = pa.table(
        {
            "prompt": [f"Question number {i // 2}: what is the answer to it?" for i in index],
            "chosen": [f"The answer to question {i} is given here in one line." for i in index],
            "rejected": [f"Nobody has an answer to question {i}, not even this one." for i in index],
            "chosen_score_list": chosen.tolist(),
            "rejected_score_list": np.zeros((num_pairs, 4)).tolist(),
        }
    )
    pq.write_table(table, path)


def main() -> None:
    """Prints a line a run, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", help="a preference set for (a)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--cache", type=Path, help="an empty folder that keeps the features for later runs")
    args = parser.parse_args()
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        cache = args.cache or base / "cache"
        if args.dataset:
            for name in ("empty cache", "cached features"):
                out = base / name.replace(" ", "-")
                runs[name] = timed_audit(["--dataset_name", args.dataset, "--output_dir", str(out)], cache)
                print(name, json.dumps(runs[name]), flush=True)
        for size in args.sizes:
            file = base / f"{size}.parquet"
            write_scored_set(file, size)
            arguments = ["--dataset_name", str(file), "--ensemble", "given", "--output_dir", str(base / str(size))]
            runs[f"given {size}"] = timed_audit(arguments, cache)
            print(f"given {size:,}", json.dumps(runs[f"given {size}"]), flush=True)
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
