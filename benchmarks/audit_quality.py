"""How well does an audit find wrong labels, measure their share, and does its strength mean strength?

Question   Per preference set: AUROC of planted flips (20 %, uniform and on hard pairs) beside every rival on the same
           labels and features; how far the estimated share of wrong labels rises when flips are planted, against
           base + r (1 - 2 base); Spearman correlation of strength with the votes of the crowd, where there are any.
Workload   Each set is read with its own folds; features come from the cache after the first run; every seed draws its
           own folds, weights and flips. Rates that are "not identifiable" are reported as such, not scored.
Ceiling    A judge of clean accuracy a gives a uniform-flip AUROC of at most a + (what |gap| adds); no judge beats the
           annotators' own agreement.
Command    python benchmarks/audit_quality.py --data ../shared/data --sets ukp_convarg.jsonl.gz:prompt hh_rlhf:prompt
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rewardsmith.metrics.ranking import rank_correlation
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.audited import audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups, independent_groups
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.strength.label_noise.posterior import LabelNoise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.planted.planted_copy import Pairs, planted_copy
from rewardsmith.strength.planted.self_audit import planted_findings
from rewardsmith.strength.rivals import rival_finders

Judge = Callable[[Any, int], Judgements]


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """All numbers of one set, each a list over seeds."""
    file, _, fold_by = name.partition(":")
    options = StrengthOptions(num_judges=args.judges, fold_by=fold_by or "prompt")
    given = load_preferences(str(args.data / file), DataOptions(max_pairs=args.max_pairs), seed=0)
    pairs = given.table
    features = pair_features(pairs, ModelOptions(model_name_or_path=args.model), args.feature_dtype)
    groups = fold_groups(pairs, options.fold_by)
    together = independent_groups(pairs, options.fold_by)
    target = pairs["target"].to_numpy()
    result: dict[str, Any] = {
        "set": name,
        "model": args.model,
        "pairs": len(pairs),
        "groups": int(groups.max()) + 1,
        "truncated_share": features.truncation.share,
    }
    values: dict[str, list[Any]] = {}
    for seed in range(args.seeds):

        def judge(labels: Any, at: int) -> Judgements:
            return probe_judgements(features.designs, labels, groups, options, at)

        base = judge(target, seed)
        audited = audit_pairs(pairs, base, together, seed)
        assert audited.noise is not None
        strength = audited.gap
        decided = target != 0.5
        row: dict[str, Any] = {
            "accuracy": float((strength[decided] > 0).mean()),
            "share_negative_in_sample": float((base.in_sample().mean[decided] < 0).mean()),
            "noise": rate_of(audited.noise),
            "votes": votes_correlation(pairs, strength),
        }
        known = Pairs(target, together, audited.belief, audited.responses)
        for kind in ("uniform", "hard"):
            copy = planted_copy(kind, known, judge, 0.2, seed + 100)
            rivals = rival_finders(features.designs, copy.target, groups, options, copy.seed)
            found = planted_findings(copy, known.num_judged, rivals, audited.noise)
            row[kind] = {rival["method"]: [rival["auroc"], rival["f1"]] for rival in found["baselines"]}
        row["increments"] = [increment(rate, known, judge, audited.noise, seed + 200) for rate in args.rates]
        for key, value in row.items():
            values.setdefault(key, []).append(value)
    return {**result, **values}


def increment(rate: float, pairs: Pairs, judge: Judge, base: LabelNoise, seed: int) -> dict[str, Any]:
    """The estimate after planting a share ``rate`` of uniform flips, beside what it should be."""
    noise = planted_copy("uniform", pairs, judge, rate, seed).noise
    return {"planted": rate, "expected": base.value + rate * (1 - 2 * base.value), **rate_of(noise)}


def rate_of(noise: LabelNoise) -> dict[str, Any]:
    """An estimate, JSON-ready."""
    return {"value": noise.value, "low": noise.low, "high": noise.high, "identifiable": noise.identifiable}


def votes_correlation(pairs: Any, strength: Any) -> float | None:
    """Spearman correlation of strength with (votes for chosen - votes for rejected) / votes."""
    names = ("votes_chosen", "votes_rejected", "votes_tie")
    votes = [pairs[name].fill_null(0).to_numpy().astype(float) for name in names]
    voted = sum(votes) > 0
    share = (votes[0] - votes[1])[voted] / sum(votes)[voted]
    return rank_correlation(strength[voted], share)


def show(result: dict[str, Any]) -> None:
    """One set as a few lines of text."""
    print(f"\n{result['set']}  {result['model']}  {result['pairs']:,} pairs, {result['groups']:,} groups")
    print(f"  held-out accuracy        {spread(result['accuracy'])}")
    for kind in ("uniform", "hard"):
        for method in result[kind][0]:
            f1 = [row[method][1] for row in result[kind]]
            tail = f"   F1 of its mask {spread(f1)}" if None not in f1 else ""
            print(f"  AUROC {kind:8} {method:30} {spread([row[method][0] for row in result[kind]])}{tail}")
    if result["votes"][0] is not None:
        print(f"  Spearman with votes      {spread(result['votes'])}")
    noise = result["noise"]
    sure = sum(n["identifiable"] for n in noise)
    print(f"  share of wrong labels    {spread([n['value'] for n in noise])}, identifiable in {sure} of {len(noise)}")
    for column in zip(*result["increments"], strict=True):
        scored = [c for c in column if c["identifiable"]]
        text = ", ".join(f"{100 * (c['value'] - c['expected']):+.1f}" for c in scored) or "none"
        print(f"    planted {column[0]['planted']:.2f}: found - expected, where identifiable: {text} points")
    sys.stdout.flush()


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.3f} +- {np.std(values, ddof=1):.3f}"


def main() -> None:
    """Runs the sets one after the other; each ends in one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", required=True, help="file[:fold_by]")
    parser.add_argument("--model", default="embedded/minilm")
    parser.add_argument("--feature_dtype", default="float32")
    parser.add_argument("--max_pairs", type=int)
    parser.add_argument("--judges", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="*", default=[0.1, 0.2, 0.3])
    args = parser.parse_args()
    for name in args.sets:
        started = time.monotonic()
        result = measure(name, args)
        show(result)
        print(json.dumps({**result, "seconds": round(time.monotonic() - started, 1)}), flush=True)


if __name__ == "__main__":
    main()
