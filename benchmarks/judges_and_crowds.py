"""How often does a judge agree with a crowd, by how clear the preference is (paper, Fig. 3)?

Question   Does agreement with a chat model, or with a reward model, rise with the strength of a preference as it does
           in the paper, and with how far the crowd agreed with itself?
Workload   Folders of `rewardsmith audit --second_labels` on sets with votes. LLMFAO carries verdicts of GPT-4 and
           GPT-3.5 in its column `meta`, which `--verdicts_of` turns into second labels.
Ceiling    Votes of the crowd split, so that no judge agrees with all majorities; a coin agrees with half.
Command    python benchmarks/judges_and_crowds.py llmfao.jsonl.gz --verdicts_of gpt4 --output_file gpt4.jsonl
           rewardsmith audit llmfao.jsonl.gz --second_labels gpt4.jsonl --output_dir audit-gpt4
           python benchmarks/judges_and_crowds.py audit-gpt4
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.win_rates import win_rate

LEFT = {"left": 1.0, "tie": 0.5, "right": 0.0}
MARGINS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="an audit's folder, or with --verdicts_of the data set")
    parser.add_argument("--verdicts_of", choices=("gpt4", "gpt3"), help="write these as second labels")
    parser.add_argument("--output_file", type=Path)
    args = parser.parse_args()
    if args.verdicts_of:
        write_jsonl(args.output_file, verdicts(args.source, args.verdicts_of))
    else:
        show(args.source)


def verdicts(path: Path, judge: str) -> list[dict[str, object]]:
    """The pairs of LLMFAO, each with the target that a chat model gave it."""
    rows = []
    for row in map(json.loads, gzip.decompress(path.read_bytes()).splitlines()):
        left = LEFT[row["meta"]["gpt"][judge]]
        target = left if row["meta"]["chosen_is_left"] else 1 - left
        rows.append({key: row[key] for key in ("prompt", "chosen", "rejected")} | {"target": target})
    return rows


def show(folder: Path) -> None:
    """Agreement by fifths of strength, weakest first, and by the margin of the votes; intervals over prompts."""
    strengths, pairs = (pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("strengths", "pairs"))
    credit = pair_credit(strengths["second_target"].to_numpy() - 0.5, pairs["target"].to_numpy())
    groups = pairs["split_group"].to_numpy()

    def line(name: str, where: NDArray[np.bool_]) -> None:
        share = win_rate(credit[where], groups[where])
        print(f"{name:24} {where.sum():5d} pairs  {share.value:.3f} ({share.low:.3f} to {share.high:.3f})")

    line("all", np.isfinite(credit))
    fifth = strengths["strength_bin"].to_numpy() // 4
    for number in range(5):
        line(f"strength, fifth {number + 1}", (fifth == number) & np.isfinite(credit))
    won, lost, tied = (pairs[f"votes_{name}"].to_numpy(dtype=float) for name in ("chosen", "rejected", "tie"))
    margin = (won - lost) / (won + lost + tied)
    for low, high in MARGINS:
        line(f"votes' margin to {high:.1f}", (margin > low + 1e-9) & (margin <= high + 1e-9) & np.isfinite(credit))


if __name__ == "__main__":
    main()
