"""Does `p_wrong` hold where the truth is known, and how often is the level of claim the right one?

Question   Labels that are next to certainly right (unanimous votes, objective tasks, simulated), known flips planted in
           subsets of them: Brier score of p_wrong beside that of the constant true rate, and of the prior's mean as a
           constant; share found to be wrong in each bin of p_wrong; whether the mean lies in the stated range; what
           the audit would have claimed, and whether its flagged pairs are mostly wrong.
Workload   Per set: 150, 300, 600 pairs and all; uniform flips at 5, 10, 20, 30 %, flips on close pairs at 10 and 20 %,
           none; 10 draws of a cell. Each draw is one audit with its self-audit, on features that are read once.
Ceiling    Where judges know nothing, no probability beats the constant: Brier of the prior's mean m at a true rate r is
           r (1 - r) + (m - r)^2, so the prior's ignorance of the rate costs (m - r)^2.
Command    python benchmarks/p_wrong_holds.py run --data ../shared/data --cells cells.jsonl [--only ukp:prompt ...]
           python benchmarks/p_wrong_holds.py show --cells cells.jsonl
Cells that are in the file already are not run again; several processes may each run their own --only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rewardsmith.metrics.ranking import auroc
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups, independent_groups
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.logistic import principal_axes
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.strength.label_noise.claims import claim_numbers
from rewardsmith.strength.label_noise.posterior import SHARE, LabelNoise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import pair_structure
from rewardsmith.strength.planted.planted_copy import Pairs, planted_copy
from rewardsmith.strength.planted.planting import plant_flips
from rewardsmith.strength.planted.self_audit import planted_findings
from rewardsmith.strength.structured import structured_audit

FILES = {"ukp": "ukp_convarg", "llmbar": "llmbar", "pandalm": "pandalm_test"}
SETS = ("ukp:prompt", "ukp:pair", "llmbar:prompt", "pandalm:prompt", "strong:prompt", "middling:prompt", "weak:prompt")
UNEXPLAINED = {"strong": 0.05, "middling": 0.5, "weak": 0.9}
"""Of the true gap's variance, what no judge of a simulated set can see."""
SIZES = (150, 300, 600, 0)
"""0: all, 2,000 of a simulated set."""
SIMULATED_PAIRS = 2000
CELLS = (("none", 0.0), *(("uniform", r) for r in (0.05, 0.1, 0.2, 0.3)), ("hard", 0.1), ("hard", 0.2))
KNOWING = 0.7
"""Share of the pairs that judges are right on from which they know something."""
BINS = np.linspace(0, 1, 11)
MIN_IN_BIN = 300
SLACK = 0.003
WORTH = 0.65
"""True AUROC above which an order is worth reading."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """N pairs whose labels are right, and what judges read of them."""

    pairs: pa.Table
    designs: list[Design]
    fold_by: Any


def draw_real(name: str, fold_by: str, data: Path) -> Callable[[int, int], Sample]:
    """Subsets of the pairs of a set whose labels are next to certain."""
    table = load_preferences(str(data / f"{FILES[name]}.jsonl.gz"), DataOptions(), seed=0).table
    table = table.filter(pa.array(certain(name, table)))

    def draw(size: int, number: int) -> Sample:
        rows = np.sort(np.random.default_rng([number, 1]).permutation(len(table))[: size or len(table)])
        pairs = table.take(rows)
        for votes in ("votes_chosen", "votes_rejected", "votes_tie"):  # they would tell which labels were flipped
            at = pairs.column_names.index(votes)
            pairs = pairs.set_column(at, votes, pa.nulls(len(pairs), pa.int32()))
        return Sample(pairs, pair_features(pairs, ModelOptions()).designs, fold_by)

    draw.largest = len(table)  # type: ignore[attr-defined]
    return draw


def certain(name: str, table: pa.Table) -> Mask:
    """All voters agree, three at least; of llmbar the part whose labels are objective."""
    if name == "llmbar":
        return np.array([str(category).startswith("LLMBar/") for category in table["category"].to_pylist()])
    chosen, *others = (table[f"votes_{side}"].fill_null(0).to_numpy() for side in ("chosen", "rejected", "tie"))
    return np.asarray((chosen >= 3) & (sum(others) == 0))


def draw_simulated(name: str) -> Callable[[int, int], Sample]:
    """Sets of which a linear judge can see a stated part, with the right labels; each its own texts."""

    def draw(size: int, number: int) -> Sample:
        made = simulate_features(
            size or SIMULATED_PAIRS, 64, unexplained=UNEXPLAINED[name], annotator="exact", seed=100 + number
        )
        rows = torch.from_numpy(made.features_chosen - made.features_rejected)
        rows = rows @ principal_axes(rows, rows.shape[1])
        length = len(rows)
        texts = {
            side: [[{"role": "assistant", "content": f"{i:6}".ljust(n + 6, side[0])}] for i, n in enumerate(lengths)]
            for side, lengths in (("chosen", made.length_chosen), ("rejected", made.length_rejected))
        }
        pairs = pa.table(
            {
                "pair_id": [str(i) for i in range(length)],
                "row": np.arange(length),
                "split_group": [str(g) for g in made.group],
                "prompt_id": [str(g) for g in made.group],
                "category": pa.nulls(length, pa.string()),
                "annotator_id": pa.nulls(length, pa.string()),
                **{f"votes_{side}": pa.nulls(length, pa.int32()) for side in ("chosen", "rejected", "tie")},
                "target": np.ones(length, dtype=np.float32),
                "weight": np.ones(length, dtype=np.float32),
                **texts,
            }
        )
        return Sample(pairs, [Design(Candidate("simulated", ()), rows / rows.square().sum(1).mean().sqrt())], "prompt")

    draw.largest = SIMULATED_PAIRS  # type: ignore[attr-defined]
    return draw


def cells_of(name: str, draws: int, structured: int, data: Path, done: set[Any]) -> Iterator[dict[str, Any]]:
    """One draw of one cell after the other."""
    kind, _, fold_by = name.partition(":")
    draw = draw_simulated(kind) if kind in UNEXPLAINED else draw_real(kind, fold_by, data)
    for number in range(draws):
        for size in SIZES:
            if size >= draw.largest:  # type: ignore[attr-defined]
                continue
            wanted = [cell for cell in CELLS if (name, size, *cell, number) not in done]
            if not wanted:
                continue
            sample = draw(size, number)
            clean = examine(sample, np.zeros(len(sample.pairs), dtype=bool), number, False)
            for flips, rate in wanted:
                rng = np.random.default_rng([number, 2, round(100 * rate)])
                everyone = np.ones(len(sample.pairs), dtype=bool)
                wrong = plant_flips("hard" if flips == "hard" else "uniform", everyone, clean.belief, rate, rng)
                found = examine(sample, wrong, number, number < structured)
                key = {"set": name, "size": size, "flips": flips, "rate": rate, "draw": number}
                yield {**key, "pairs": len(wrong), **measured(sample, found, wrong, number)}


def examine(sample: Sample, wrong: Mask, seed: int, structured: bool) -> Audited:
    """An audit of the pairs with flipped labels, without its self-audit."""
    options = StrengthOptions(fold_by=sample.fold_by)
    target = np.where(wrong, 0.0, 1.0).astype(np.float32)
    pairs = sample.pairs.set_column(sample.pairs.column_names.index("target"), "target", pa.array(target))
    groups, together = fold_groups(pairs, sample.fold_by), independent_groups(pairs, sample.fold_by)
    judged = probe_judgements(sample.designs, target, groups, options, seed)
    found = None
    if structured:
        about = pair_structure(pairs, groups, together)
        found = structured_audit(sample.designs, target, about, replace(options, num_judges=4), seed)[1]
    return audit_pairs(pairs, judged, together, seed, found)


def measured(sample: Sample, found: Audited, wrong: Mask, seed: int) -> dict[str, Any]:
    """What is kept of a draw: sums, from which every figure can be made."""
    groups = fold_groups(sample.pairs, sample.fold_by)
    together = independent_groups(sample.pairs, sample.fold_by)
    target = found.pairs["target"].to_numpy()

    def judge(labels: Any, at: int) -> Judgements:
        return probe_judgements(sample.designs, labels, groups, StrengthOptions(fold_by=sample.fold_by), at)

    known = Pairs(target, together, found.belief, found.responses)
    assert found.noise is not None
    copy = planted_copy("uniform", known, judge, 0.2, seed + 1)
    planted = planted_findings(copy, known.num_judged, [], found.noise)
    found = found.checked(copy, together)
    assert found.noise is not None
    claim = claim_numbers(found.noise, [planted], found.in_sample, found.flagged_at_least)
    right = float((found.gap > 0)[~wrong].mean())
    structured = None if found.structured is None else scores(found.structured.p_wrong, wrong)
    return {
        "level": claim["level"],
        "doubts": claim["doubts"],
        "planted_auroc": planted["auroc"],
        "planted_at_half": planted["by_threshold"][1],
        "identifiable": found.noise.identifiable,
        "num_groups": found.noise.num_groups,
        "kept": found.kept,
        "flagged_at_least": found.flagged_at_least,
        "judges_right": right,
        "value": found.noise.value,
        "low": found.noise.low,
        "high": found.noise.high,
        "p_wrong": scores(found.p_wrong, wrong),
        "structured": structured,
    }


def scores(p_wrong: Floats, wrong: Mask) -> dict[str, Any]:
    """Of one figure of suspicion."""
    flagged = p_wrong > 0.5
    bins = np.clip(np.digitize(p_wrong, BINS) - 1, 0, len(BINS) - 2)
    return {
        "brier": float(np.mean((p_wrong - wrong) ** 2)),
        "mean": float(p_wrong.mean()),
        "auroc": auroc(p_wrong, wrong) if wrong.any() else None,
        "flagged": int(flagged.sum()),
        "flagged_wrong": int((flagged & wrong).sum()),
        "wrong": int(wrong.sum()),
        "bins": [
            [int((bins == b).sum()), float(p_wrong[bins == b].sum()), int(wrong[bins == b].sum())]
            for b in range(len(BINS) - 1)
        ],
    }


def cell_figures(rows: list[dict[str, Any]], which: str) -> dict[str, Any] | None:
    """The bars of one cell from its draws."""
    found = [row[which] for row in rows if row[which]]
    if not found:
        return None
    rate = sum(f["wrong"] for f in found) / sum(row["pairs"] for row in rows if row[which])
    prior, brier = float(SHARE.mean()), float(np.mean([f["brier"] for f in found]))
    bins = np.sum([f["bins"] for f in found], axis=0)
    short = [(w - p) / n for n, p, w in bins if n >= MIN_IN_BIN * len(found) / 10]
    hits, flagged, wrong = (sum(f[k] for f in found) for k in ("flagged_wrong", "flagged", "wrong"))
    inside = [row["low"] <= row[which]["mean"] <= row["high"] for row in rows if row[which]]
    aurocs = [f["auroc"] for f in found if f["auroc"] is not None]
    return {
        "draws": len(found),
        "rate": rate,
        "brier": brier,
        "constant": rate * (1 - rate),
        "over": brier - rate * (1 - rate) - (prior - rate) ** 2,
        "mean": float(np.mean([f["mean"] for f in found])),
        "inside": float(np.mean(inside)),
        "worst_bin": min(short, default=None),
        "auroc": float(np.mean(aurocs)) if aurocs else None,
        "f1": 2 * hits / max(1, flagged + wrong),
        "bins": bins.tolist(),
    }


def show(rows: list[dict[str, Any]]) -> None:
    """A table of the cells, of the levels, and the pooled reliability; last one JSON line."""
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["set"], row["size"], row["flips"], row["rate"]), []).append(row)
    result = []
    for which in ("p_wrong", "structured"):
        print(f"\n{which}: Brier over that of the prior's mean as a constant may be {SLACK}; a bin at least -0.10")
        print("| set | pairs | flips | judges right | Brier | constant | over | mean p | worst bin | AUROC | F1 |")
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for key in sorted(cells, key=str):
            found = cell_figures(cells[key], which)
            if not found:
                continue
            name, size, flips, rate = key
            right = float(np.mean([row["judges_right"] for row in cells[key]]))
            result.append({"which": which, "set": name, "size": size, "flips": flips, "planted": rate, **found})
            over = "" if flips == "hard" else f"{found['over']:+.3f}{'!' if found['over'] > SLACK else ''}"
            worst = found["worst_bin"]
            low = "" if worst is None else f"{worst:+.2f}{'!' if worst < -0.1 and flips != 'hard' else ''}"
            too_high = "!" if flips == "hard" and found["mean"] > found["rate"] + 0.02 else ""
            outside = "" if found["inside"] == 1 else f" ({found['inside']:.0%} inside)"
            print(
                f"| {name} | {size or 'all'} | {flips} {rate:.2f} | {right:.2f} | {found['brier']:.3f} "
                f"| {found['constant']:.3f} | {over} | {found['mean']:.2f}{too_high}{outside} | {low} "
                f"| {'' if found['auroc'] is None else format(found['auroc'], '.3f')} | {found['f1']:.2f} |"
            )
    levels(rows)
    pooled(rows)
    in_short(rows, [found for found in result if found["which"] == "p_wrong"])
    print(json.dumps(result))


def in_short(rows: list[dict[str, Any]], result: list[dict[str, Any]]) -> None:
    """A line for each set and size, what is over a bar, and the score where judges know something."""
    uniform = [found for found in result if found["flips"] == "uniform"]
    rates = sorted({found["planted"] for found in uniform})
    right = {
        (name, size): float(np.mean([r["judges_right"] for r in rows if (r["set"], r["size"]) == (name, size)]))
        for name, size in {(row["set"], row["size"]) for row in rows}
    }
    print("\nBrier score by share of flips, in brackets that of the constant true rate")
    print(f"| set | pairs | judges right | {' | '.join(f'{rate:.0%}' for rate in rates)} | over, at most | worst bin |")
    print(f"|---|---|---|{'---|' * len(rates)}---|---|")
    for name, size in sorted(right, key=lambda key: (SETS.index(key[0]), key[1] or np.inf)):
        own = sorted((f for f in uniform if (f["set"], f["size"]) == (name, size)), key=lambda f: float(f["planted"]))
        scores = " | ".join(f"{found['brier']:.3f} ({found['constant']:.3f})" for found in own)
        worst = min(found["worst_bin"] for found in own if found["worst_bin"] is not None)
        over = max(found["over"] for found in own)
        print(f"| {name} | {size or 'all'} | {right[name, size]:.0%} | {scores} | {over:+.3f} | {worst:+.2f} |")
    strong = [found for found in uniform if right[found["set"], found["size"]] >= KNOWING]
    too_high = [f for f in result if f["flips"] == "hard" and f["mean"] > f["rate"] + 0.02]
    print(
        f"\n{len(uniform)} cells; Brier over the bar: {sum(f['over'] > SLACK for f in uniform)}, a bin under -0.10: "
        f"{sum((f['worst_bin'] or 0) < -0.1 for f in uniform)}, mean outside the range in some draw: "
        f"{sum(f['inside'] < 1 for f in uniform)}, hard flips over +0.02: {len(too_high)}. Judges right on "
        f"{KNOWING:.0%} or more ({len(strong)} cells): Brier {np.mean([f['brier'] for f in strong]):.3f}, the "
        f"true rate as a constant {np.mean([f['constant'] for f in strong]):.3f}."
    )


def level_of(row: dict[str, Any]) -> str:
    """By today's rule, from what is kept of a draw."""
    noise = LabelNoise(row["value"], row["low"], row["high"], row["num_groups"], 1.0, np.ones((2, 1, 1)) / 2)
    planted: Any = {"kind": "uniform", "auroc": row["planted_auroc"]}
    return claim_numbers(noise, [planted], False, row["flagged_at_least"])["level"]


def levels(rows: list[dict[str, Any]]) -> None:
    """How often each level is claimed, how often wrongly, and how often a list that is worth reading is held back."""
    rows = [{**row, "level": level_of(row)} for row in rows]
    print("\n| set | pairs | sets | labels judged | falsely | reading order | cannot tell | needlessly |")
    print("|---|---|---|---|---|---|---|---|")
    for key in [*sorted({(row["set"], row["size"]) for row in rows}, key=str), ("all", "")]:
        own = [row for row in rows if key[0] == "all" or (row["set"], row["size"]) == key]
        judged = [row for row in own if row["level"] == "labels_judged"]
        false = [r for r in judged if r["p_wrong"]["flagged"] > 2 * r["p_wrong"]["flagged_wrong"]]
        print(
            f"| {key[0]} | {key[1] or 'all'} | {len(own)} | {len(judged)} | {len(false)} "
            f"| {sum(row['level'] == 'reading_order' for row in own)} "
            f"| {sum(row['level'] == 'cannot_tell' for row in own)} "
            f"| {sum(row['level'] == 'cannot_tell' and (row['p_wrong']['auroc'] or 0) > WORTH for row in own)} |"
        )


def pooled(rows: list[dict[str, Any]]) -> None:
    """Promised against found, by bin, over all draws with uniform flips."""
    print("\n| p_wrong | labels | promised | found |\n|---|---|---|---|")
    bins = np.sum([row["p_wrong"]["bins"] for row in rows if row["flips"] == "uniform"], axis=0).reshape(-1, 3)
    for low, (number, promised, found) in zip(BINS, bins, strict=False):
        if number:
            print(f"| {low:.1f} to {low + 0.1:.1f} | {number:,.0f} | {promised / number:.3f} | {found / number:.3f} |")


def main() -> None:
    """Runs cells, or shows what is there."""
    torch.set_num_threads(1)  # the fits are small: run a second process instead
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--cells", type=Path, required=True, nargs="+", help="JSON Lines, one draw of a cell a line")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", nargs="+", default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--structured", type=int, default=3, help="of these draws, those that ask the structured audit")
    args = parser.parse_args()
    rows = [json.loads(line) for file in args.cells if file.exists() for line in file.read_text().splitlines()]
    if args.what == "show":
        show(rows)
        return
    done = {(r["set"], r["size"], r["flips"], r["rate"], r["draw"]) for r in rows}
    with args.cells[0].open("a") as out:
        for name in args.only:
            for row in cells_of(name, args.draws, args.structured, args.data, done):
                print(json.dumps(row), file=out, flush=True)


if __name__ == "__main__":
    main()
