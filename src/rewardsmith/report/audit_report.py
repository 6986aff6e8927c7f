"""One self-contained HTML page from the results of an audit: no network, light and dark, prints well."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rewardsmith.report import numbers, sections
from rewardsmith.report.galleries import galleries
from rewardsmith.report.numbers import known, part
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.outcome_figures import accuracy_figure, length_figure, planted_figure
from rewardsmith.report.palette import css_variables
from rewardsmith.report.strength_figures import (
    distribution_figure,
    spread_by_group_figure,
    spread_figure,
    strength_columns,
)
from rewardsmith.report.structured_section import structured_table


def render_audit_report(
    metrics: Mapping[str, Any], pairs: pa.Table, strengths: pa.Table, options: ReportOptions | None = None
) -> str:
    """The report as one HTML document.

    ``pairs`` and ``strengths`` are in the same order. Any part of ``metrics`` may be absent or None: its section is
    left out. Text of the data is escaped everywhere; ``report_text="none"`` leaves it out: texts, names of categories
    and annotators, messages of checks that may quote a row.
    """
    options = options or ReportOptions()
    with_text = options.report_text == "full"
    style, script = asset("audit.css"), asset("audit.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    categories = sections.category_table(metrics, with_text)
    annotators = sections.annotator_table(metrics, with_text)
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            metrics=metrics,
            title=part(metrics, "title") or f"Audit of {part(metrics, 'dataset_name') or 'a preference set'}",
            with_text=with_text,
            # Both are files of this package, and the policy lets no other script run.
            style=Markup(css_variables_block() + style),
            script=Markup(script),
            script_digest=digest,
            key_numbers=sections.key_numbers(metrics),
            classes=sections.class_shares(metrics),
            figures=figures_of(metrics, strengths),
            planted=planted_of(metrics),
            planted_notes=sections.planted_notes(metrics),
            categories=categories,
            category_finding=sections.bar_finding(categories),
            annotators=annotators,
            annotator_finding=sections.bar_finding(annotators),
            structured=part(metrics, "structured") or {},
            structured_categories=structured_table(metrics, with_text),
            galleries=galleries(pairs, strengths, options.report_examples, with_text),
            is_held_out=strength_columns(strengths)[2],
            measured=sections.measured(metrics),
        )
    )


def figures_of(metrics: Mapping[str, Any], strengths: pa.Table) -> dict[str, Any]:
    """Every figure by name; None where its numbers are absent."""
    distribution = distribution_figure(strengths, part(metrics, "strength", "share_negative_mean"))
    if distribution and sections.class_shares(metrics):
        distribution = replace(distribution, legend=())  # the shares of the classes stand above it, with their colours
    return {
        "distribution": distribution,
        "spread": spread_figure(strengths),
        "spread_by_group": spread_by_group_figure(part(metrics, "strength", "spread_by_bin")),
        "length": length_figure(part(metrics, "length")),
        "accuracy": accuracy_figure(part(metrics, "accuracy")),
    }


def planted_of(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each kind of planted flips with its figure."""
    entries = part(metrics, "planted_flips") or []
    return [
        {
            "entry": entry,
            "figure": planted_figure(entry, f"planted-{i}"),
            "best": max((b["auroc"] for b in entry.get("baselines") or [] if known(b.get("auroc"))), default=None),
        }
        for i, entry in enumerate(entries)
    ]


def environment() -> Environment:
    """Templates that escape whatever they print; a misspelt name is an error."""
    env = Environment(
        loader=PackageLoader("rewardsmith.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "probability", "decimal", "count", "percent_range", "decimal_range", "known", "part"):
        env.globals[name] = getattr(numbers, name)
    return env


def asset(name: str) -> str:
    """A text file that lies beside the templates."""
    return (resources.files("rewardsmith.report") / "templates" / name).read_text(encoding="utf-8")


def css_variables_block() -> str:
    """The palette as the first rule of the style sheet."""
    return f":root {{\n  color-scheme: light dark;\n{css_variables()}\n}}\n"
