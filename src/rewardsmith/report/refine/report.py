"""One self-contained HTML page on what refining changed: by rule, with examples, and whom the labels favour now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import yaml

from rewardsmith.contracts.metrics.refine import GroupEffect, RefineMetrics
from rewardsmith.refining.evidence import Names
from rewardsmith.report.bar_tables import Bar, BarTable, bar_table
from rewardsmith.report.numbers import MISSING, count, percent
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.page import render_page
from rewardsmith.report.refine.changed_table import changed_table
from rewardsmith.report.refine.doubts import doubt_sentences, doubted_number
from rewardsmith.report.refine.examples import rule_examples
from rewardsmith.report.sections import KeyNumber


def render_refine_report(
    metrics: RefineMetrics,
    ledger: pa.Table,
    options: ReportOptions | None = None,
    decisions: Names | None = None,
    fingerprint: str | None = None,
) -> str:
    """The report as one HTML document. Text of the data is escaped; ``report_text="none"`` leaves it out.

    ``decisions`` [N]: a person's, that the recipe followed; ``fingerprint``: of the ledger, under which a browser keeps
    those that are taken in the page.
    """
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
        pair_table=changed_table(ledger, decisions, metrics["audited"]["level"], options, fingerprint),
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
