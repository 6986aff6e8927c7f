"""Can an audit use what AUM knows of responses that stand in several pairs?

Question   AUM ranks planted flips better than held-out judges where responses recur (few prompts, many pairs), since
           its head has trained on the other pairs of the same responses. Which way of letting the audit know them
           finds the flips as well, and gives a probability that holds?
Workload   Per set and seed two copies of the labels, 20 % uniform flips in each, everything refitted on either. Ways
           that have parameters learn them on one copy (P(planted) by logistic regression) and are measured on the
           other. AUROC and Brier score of the planted flips; a constant 0.2 has a Brier score of 0.16.
Ceiling    Errors that were there before count as false alarms of everybody.
Command    python benchmarks/recurring_responses.py --sets ukp_convarg.jsonl.gz:3000 llmfao.jsonl.gz ...
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from rewardsmith.metrics.ranking import auroc
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import response_codes
from rewardsmith.strength.planted.planting import plant_flips, relabel
from rewardsmith.strength.response_effects import gaps_in_graph, recurs
from rewardsmith.strength.rivals import rival_finders

RATE = 0.2
Floats = NDArray[np.float64]
LEARNED = {
    "logistic: gap": ("gap",),
    "logistic: AUM": ("AUM",),
    "logistic: gap, AUM": ("gap", "AUM"),
    "logistic: gap, in-sample gap": ("gap", "in-sample"),
    "logistic: gap, graph": ("gap", "graph"),
    "logistic: gap by pair": ("by pair",),
    "logistic: gap, gap by pair": ("gap", "by pair"),
    "logistic: gap by pair, AUM": ("by pair", "AUM"),
    "logistic: all": ("gap", "AUM", "in-sample", "graph", "by pair"),
}


class Copies:
    """A set whose conversations have been read once; labels may be planted as often as one likes."""

    def __init__(self, file: str, data: Path, judges: int) -> None:
        name, _, number = file.partition(":")
        pairs = load_preferences(str(data / name), DataOptions(max_pairs=int(number) if number else None), seed=0).table
        self.designs = pair_features(pairs, ModelOptions(), "float32").designs
        self.options = StrengthOptions(num_judges=judges)
        self.groups = {by: fold_groups(pairs, by) for by in ("prompt", "pair")}
        self.target = pairs["target"].to_numpy()
        self.responses = response_codes(pairs)
        self.decided = self.target != 0.5

    def copy(self, seed: int) -> dict[str, Any]:
        """One planting: the truth, the signed gaps of every judge (low is suspicious), p_wrong of some."""
        belief = np.full(len(self.target), 0.5)
        planted = plant_flips("uniform", self.decided, belief, RATE, np.random.default_rng(seed))
        target = relabel(self.target, planted)
        found: dict[str, Floats] = {}
        for name, by in (("gap", "prompt"), ("by pair", "pair")):
            judged = probe_judgements(self.designs, target, self.groups[by], self.options, seed)
            found[name] = as_labelled(judged.held_out().mean, target)
            if by == "prompt":
                found["in-sample"] = as_labelled(judged.in_sample().mean, target)
                graph = gaps_in_graph(judged.held_out().mean, target.astype(np.float64), self.responses, seed)
                found["graph"] = found["gap"] if graph is None else as_labelled(graph, target)
        rivals = rival_finders(self.designs, target, self.groups["prompt"], self.options, seed)
        found["AUM"] = -next(rival for rival in rivals if rival.method == "AUM").suspicion
        found["loss of one model"] = -next(r for r in rivals if r.method == "single-model loss").suspicion
        seen = self.decided
        p_wrong = {}
        for name, by in (("gap", "prompt"), ("graph", "prompt"), ("by pair", "pair")):
            noise = estimate_label_noise(found[name][seen], self.groups[by][seen])
            assert noise is not None
            p_wrong[name] = noise.p_wrong(found[name][seen])
        return {"truth": planted[seen], "gaps": {k: v[seen] for k, v in found.items()}, "p_wrong": p_wrong}


def measure(file: str, args: argparse.Namespace) -> dict[str, Any]:
    """Of one set: {way: [AUROC, Brier] for each seed}; Brier None where a way gives no probability."""
    copies = Copies(file, args.data, args.judges)
    others = np.bincount(copies.responses.reshape(-1))[copies.responses] - 1
    result: dict[str, Any] = {
        "set": file,
        "pairs": len(copies.target),
        "prompt_groups": int(copies.groups["prompt"].max()) + 1,
        "other_pairs_of_its_responses": float(others.sum(axis=1).mean()),
        "recurs": recurs(copies.responses),
    }
    ways: dict[str, list[Any]] = {}
    for seed in range(args.seeds):
        train, test = copies.copy(1000 + seed), copies.copy(2000 + seed)
        truth = test["truth"]
        for name, gap in test["gaps"].items():
            ways.setdefault(f"rank by {name}", []).append([auroc(-gap, truth), None])
        for name, p in test["p_wrong"].items():
            ways.setdefault(f"p_wrong of {name}", []).append([auroc(p, truth), float(np.mean((p - truth) ** 2))])
        for name, columns in LEARNED.items():
            p = learned(train, test, columns)
            ways.setdefault(name, []).append([auroc(p, truth), float(np.mean((p - truth) ** 2))])
    return {**result, "ways": ways}


def learned(train: dict[str, Any], test: dict[str, Any], columns: tuple[str, ...]) -> Floats:
    """P(planted) on ``test`` by a logistic regression that ``train`` has taught."""
    rows, new = (np.column_stack([copy["gaps"][name] for name in columns]) for copy in (train, test))
    scale = rows.std(axis=0)
    model = LogisticRegression(C=100.0).fit(rows / scale, train["truth"])
    return np.asarray(model.predict_proba(new / scale)[:, 1])


def show(result: dict[str, Any]) -> None:
    """One set as a table."""
    print(
        f"\n{result['set']}: {result['pairs']:,} pairs, {result['prompt_groups']:,} groups of prompts, "
        f"{result['other_pairs_of_its_responses']:.1f} other pairs of the same responses"
    )
    for way, rows in result["ways"].items():
        found = np.array([row[0] for row in rows])
        brier = "" if rows[0][1] is None else f"   Brier {np.mean([row[1] for row in rows]):.4f}"
        print(f"  {way:32} AUROC {found.mean():.3f} +- {found.std(ddof=1):.3f}{brier}")


def main() -> None:
    """Runs the sets one after the other; each ends in one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", required=True, help="file[:max_pairs]")
    parser.add_argument("--judges", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    for file in args.sets:
        started = time.monotonic()
        result = measure(file, args)
        show(result)
        print(json.dumps({**result, "seconds": round(time.monotonic() - started, 1)}), flush=True)


if __name__ == "__main__":
    main()
