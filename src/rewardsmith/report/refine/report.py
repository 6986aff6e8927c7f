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

from rewardsmith.contracts.metrics.refine import GroupEffect, RefineMetrics
from rewardsmith.report.bar_tables import Bar, BarTable, bar_table
from rewardsmith.report.binning import Floats, numbers_of
from rewardsmith.report.galleries import PairView, pair_views, top_rows
from rewardsmith.report.numbers import MISSING, count, decimal, percent
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.page import render_page
from rewardsmith.report.refine.doubts import doubt_sentences, doubted_number
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


def render_refine_report(metrics: RefineMetrics, ledger: pa.Table, options: ReportOptions | None = None) -> str:
    """The report as one HTML document. Text of the data is escaped; ``report_text="none"`` leaves it out."""
    options = options or ReportOptions()
    with_text = options.report_text == "full"
    return render_page(
        "refine.html.j2",
        metrics=metrics,
        title=metrics["title"],
        with_text=with_text,
        sentence=refined_sentence(metrics),
        key_numbers=key_numbers(metrics),
        parameters=[parameter_words(rule["parameters"]) for rule in metrics["rules"]],
        grounds=[metrics["recipe"]["why"]] if metrics["recipe"]["why"] else metrics["audited"]["warnings"],
        notes=notes(metrics),
        length=length_table(metrics),
        groups=[
            table
            for word, rows in (("category", metrics["categories"]), ("annotator", metrics["annotators"]))
            if (table := group_table(word, rows or [], with_text)) is not None
        ],
        examples=rule_examples(ledger, [rule["rule"] for rule in metrics["rules"]], options.report_examples, with_text),
    )


def refined_sentence(metrics: RefineMetrics) -> str:
    """What happened, in one sentence or two."""
    found = metrics["pairs"]
    ways = (
        (found["num_turned"], "labels flipped"),
        (found["num_softened"], "targets softened"),
        (found["num_dropped"], "pairs dropped"),
        (found["num_reweighted"], "pairs weighted anew"),
        (found["num_with_margin"], "margins set"),
    )
    words = [f"{count(number)} {text}" for number, text in ways if number]
    changed = f"{count(found['num_changed'])} of {count(found['num_pairs'])} pairs changed"
    return f"By the recipe {metrics['recipe']['name']}, {changed}{': ' if words else ''}{', '.join(words)}."


def notes(metrics: RefineMetrics) -> list[str]:
    """What a reader of the numbers has to know, besides why it is this recipe."""
    train_file = metrics["train_file"]
    found = doubt_sentences(metrics)
    if rounds := metrics["rounds"]:
        shared = percent(rounds[-1]["overlap_with_last"])
        found.append(
            f"{len(rounds)} rounds; of the pairs in doubt in the last or the one before, {shared} are in doubt in both."
        )
    if twice := metrics["num_counted_twice"]:
        found.append(
            f"On {count(twice)} pairs the judges' evidence counts twice, in the target and in the margin: the gap that "
            "training aims at is margin + log-odds of the target."
        )
    if ties := train_file["left_out"].get("tie"):
        found.append(
            f"train.jsonl leaves {count(ties)} ties out, whose order other trainers would take for a preference. "
            "rewardsmith train reads the folder, and learns that neither response is better."
        )
    if unsaid := train_file["not_expressed"]:
        words = " and ".join(f"the {name} of {count(number)}" for name, number in unsaid.items())
        found.append(
            f"train.jsonl is for other trainers, which do not read {words} of its "
            f"{count(train_file['num_rows'])} rows. rewardsmith train reads the folder, and everything."
        )
    return found


def key_numbers(metrics: RefineMetrics) -> list[KeyNumber]:
    found = metrics["pairs"]
    total = found["num_pairs"]

    def share(number: int) -> str:
        return percent(number / total) if total else MISSING

    return [
        KeyNumber("changed", count(found["num_changed"]), f"{share(found['num_changed'])} of {count(total)} pairs"),
        KeyNumber("flipped", count(found["num_turned"]), share(found["num_turned"])),
        KeyNumber("dropped", count(found["num_dropped"]), share(found["num_dropped"])),
        doubted_number(metrics),
        KeyNumber("effective pairs", count(found["effective_pairs"]), "(sum of weights)² / sum of squares"),
    ]


def parameter_words(parameters: Mapping[str, Any]) -> str:
    """A rule's parameters as a recipe writes them, on one line."""
    flow = yaml.safe_dump(dict(parameters), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    text = str(flow).strip()
    return text.removeprefix("{").removesuffix("}")


def length_table(metrics: RefineMetrics) -> BarTable | None:
    """How often the labels call the longer response better, before and after."""
    found = metrics["length"]
    if found is None:
        return None
    shares = [("as given", found["longer_is_better_given"]), ("refined", found["longer_is_better"])]
    bars = [Bar(name, (), value, None, None, percent(value)) for name, value in shares if value is not None]
    return bar_table(("labels",), "the longer response is the better one", bars)


def group_table(word: str, rows: Sequence[GroupEffect], with_names: bool) -> BarTable | None:
    """What refining did to each category or annotator: pairs, changes, and the share of the weight that is left."""
    widest = max((row["weight_share"] for row in rows), default=0) or 1.0
    bars = [
        Bar(
            name=row["name"] if with_names else f"{word} {i}",
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
    views = pair_views(ledger, rows, numbers["strength_mean"], numbers["strength_std"], numbers["p_wrong"], with_text)
    reasons = ledger["reason"].take(pa.array(rows)).to_pylist()
    return [
        Example(view, supervision_words(ledger, row, "_given"), supervision_words(ledger, row, ""), reason)
        for view, row, reason in zip(views, rows.tolist(), reasons, strict=True)
    ]


def supervision_words(ledger: pa.Table, row: int, suffix: str) -> str:
    """``target 1.00, margin 0.00, weight 1.00`` of a pair."""
    values = {name: ledger[f"{name}{suffix}"][row].as_py() for name in ("target", "margin", "weight")}
    return ", ".join(f"{name} {decimal(value)}" for name, value in values.items())
