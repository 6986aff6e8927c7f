"""One self-contained HTML page on what refining changed: by rule, with examples, and whom the labels favour now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from rewardsmith.report.bar_tables import Bar, BarTable, bar_table
from rewardsmith.report.binning import Floats, numbers_of
from rewardsmith.report.galleries import PairView, pair_views, top_rows
from rewardsmith.report.numbers import MISSING, count, decimal, part, percent, percent_range
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.page import render_page
from rewardsmith.report.sections import KeyNumber


@dataclass(frozen=True)
class Example:
    """A changed pair: what was there, what is there now, and why."""

    pair: PairView
    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class RuleExamples:
    """Some of the pairs that a rule was for."""

    rule: str
    examples: list[Example]


def render_refine_report(metrics: Mapping[str, Any], ledger: pa.Table, options: ReportOptions | None = None) -> str:
    """The report as one HTML document. Text of the data is escaped; ``report_text="none"`` leaves it out."""
    options = options or ReportOptions()
    with_text = options.report_text == "full"
    return render_page(
        "refine.html.j2",
        metrics=metrics,
        title=part(metrics, "title") or "Refined",
        with_text=with_text,
        sentence=refined_sentence(metrics),
        key_numbers=key_numbers(metrics),
        parameters=[parameter_words(rule["parameters"]) for rule in metrics["rules"]],
        notes=notes(metrics),
        length=length_table(metrics),
        groups=[
            table
            for name in ("categories", "annotators")
            if (table := group_table(metrics, name, with_text)) is not None
        ],
        examples=rule_examples(ledger, [rule["rule"] for rule in metrics["rules"]], options.report_examples, with_text),
    )


def refined_sentence(metrics: Mapping[str, Any]) -> str:
    """What happened, in one sentence or two."""
    found = metrics["pairs"]
    words = [
        f"{count(found[f'num_{way}'])} {text}"
        for way, text in (
            ("turned", "labels flipped"),
            ("softened", "targets softened"),
            ("dropped", "pairs dropped"),
            ("reweighted", "pairs weighted anew"),
            ("with_margin", "margins set"),
        )
        if found[f"num_{way}"]
    ]
    changed = f"{count(found['num_changed'])} of {count(found['num_pairs'])} pairs changed"
    return f"By the recipe {metrics['recipe']['name']}, {changed}{': ' if words else ''}{', '.join(words)}."


def notes(metrics: Mapping[str, Any]) -> list[str]:
    """What a reader of the numbers has to know."""
    why = part(metrics, "recipe", "why")
    found = [why] if why else []
    rounds = part(metrics, "rounds") or []
    if rounds:
        shared = percent(rounds[-1]["overlap_with_last"])
        found.append(
            f"{len(rounds)} rounds; of the pairs in doubt in the last or the one before, {shared} are in doubt in both."
        )
    noise = part(metrics, "label_noise") or {}
    if noise.get("identifiable") is False:
        span = percent_range(noise["low"], noise["high"])
        found.append(
            f"The audit could not tell how many labels are wrong: {span} fits what it saw. Probabilities that a label "
            "is wrong average over that range, and are as unsure."
        )
    if twice := part(metrics, "num_counted_twice"):
        found.append(
            f"On {count(twice)} pairs the judges' evidence counts twice, in the target and in the margin: the gap that "
            "training aims at is margin + log-odds of the target."
        )
    ties = part(metrics, "train_file", "left_out", "tie")
    if ties:
        found.append(
            f"train.jsonl leaves {count(ties)} ties out, whose order other trainers would take for a preference. "
            "rewardsmith train reads the folder, and learns that neither response is better."
        )
    unsaid = part(metrics, "train_file", "not_expressed") or {}
    if unsaid:
        words = " and ".join(f"the {name} of {count(number)}" for name, number in unsaid.items())
        found.append(
            f"train.jsonl is for other trainers, which do not read {words} of its "
            f"{count(metrics['train_file']['num_rows'])} rows. rewardsmith train reads the folder, and everything."
        )
    return found


def key_numbers(metrics: Mapping[str, Any]) -> list[KeyNumber]:
    """What a reader takes away."""
    found = metrics["pairs"]
    total = found["num_pairs"]

    def share(name: str) -> str:
        return percent(found[name] / total) if total else MISSING

    return [
        KeyNumber("changed", count(found["num_changed"]), f"{share('num_changed')} of {count(total)} pairs"),
        KeyNumber("flipped", count(found["num_turned"]), share("num_turned")),
        KeyNumber("dropped", count(found["num_dropped"]), share("num_dropped")),
        KeyNumber("effective pairs", count(found["effective_pairs"]), "(sum of weights)² / sum of squares"),
    ]


def parameter_words(parameters: Mapping[str, Any]) -> str:
    """A rule's parameters as a recipe writes them, on one line."""
    flow = yaml.safe_dump(dict(parameters), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    text = str(flow).strip()
    return text.removeprefix("{").removesuffix("}")


def length_table(metrics: Mapping[str, Any]) -> BarTable | None:
    """How often the labels call the longer response better, before and after."""
    found = part(metrics, "length") or {}
    shares = [("as given", found.get("longer_is_better_given")), ("refined", found.get("longer_is_better"))]
    bars = [Bar(name, (), value, None, None, percent(value)) for name, value in shares if value is not None]
    return bar_table(("labels",), "the longer response is the better one", bars)


def group_table(metrics: Mapping[str, Any], name: str, with_names: bool) -> BarTable | None:
    """What refining did to each category or annotator: pairs, changes, and the share of the weight that is left."""
    word = {"categories": "category", "annotators": "annotator"}[name]
    rows = part(metrics, name) or []
    widest = max((row["weight_share"] for row in rows), default=0) or 1.0
    bars = [
        Bar(
            name=str(row["name"]) if with_names else f"{word} {i}",
            cells=(
                count(row["count"]),
                percent(row["num_turned"] / row["count"]),
                percent(row["num_dropped"] / row["count"]),
                percent(row["weight_share_given"]),
            ),
            value=row["weight_share"] / widest,
            low=None,
            high=None,
            text=percent(row["weight_share"]),
        )
        for i, row in enumerate(rows, 1)
    ]
    return bar_table((word, "pairs", "flipped", "dropped", "share as given"), "share of the weight", bars)


def rule_examples(ledger: pa.Table, rules: Sequence[str], num_examples: int, with_text: bool) -> list[RuleExamples]:
    """For each rule, the most doubtful of the pairs that it was for and that are not shown already.

    Rules without such a pair are left out.
    """
    if num_examples <= 0:
        return []
    numbers = {name: numbers_of(ledger, name) for name in ("strength_mean", "strength_std", "p_wrong")}
    doubt = np.where(np.isfinite(numbers["p_wrong"]), numbers["p_wrong"], -1.0)
    column = ledger["rules"].combine_chunks()
    owners, names = pc.list_parent_indices(column).to_numpy(), pc.list_flatten(column)
    found = []
    for rule in dict.fromkeys(rules):
        own = owners[pc.equal(names, rule).to_numpy(zero_copy_only=False)]
        order = np.full(len(ledger), np.nan)
        order[own] = doubt[own]
        rows = top_rows(order, ledger, num_examples)
        doubt[rows] = np.nan
        if len(rows):
            found.append(RuleExamples(rule, _examples(ledger, rows, numbers, with_text)))
    return found


def _examples(
    ledger: pa.Table, rows: NDArray[np.int64], numbers: Mapping[str, Floats], with_text: bool
) -> list[Example]:
    views = pair_views(
        ledger, ledger, rows, numbers["strength_mean"], numbers["strength_std"], numbers["p_wrong"], with_text
    )
    reasons = ledger["reason"].take(pa.array(rows)).to_pylist()
    return [
        Example(view, supervision_words(ledger, row, "_given"), supervision_words(ledger, row, ""), reason)
        for view, row, reason in zip(views, rows.tolist(), reasons, strict=True)
    ]


def supervision_words(ledger: pa.Table, row: int, suffix: str) -> str:
    """``target 1.00, margin 0.00, weight 1.00`` of a pair."""
    values = {name: ledger[f"{name}{suffix}"][row].as_py() for name in ("target", "margin", "weight")}
    return ", ".join(f"{name} {decimal(value)}" for name, value in values.items())
