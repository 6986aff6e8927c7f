"""One self-contained HTML page from the results of an audit: no network, light and dark, prints well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.report import bar_tables, sections
from rewardsmith.report.audit.figures.outcomes import accuracy_figure, length_figure, planted_figure
from rewardsmith.report.audit.figures.reliability import reliability_figure
from rewardsmith.report.audit.figures.review import review_figure, review_rows
from rewardsmith.report.audit.figures.second_labels import second_figure
from rewardsmith.report.audit.figures.strength import distribution_figure, spread_by_group_figure, spread_figure
from rewardsmith.report.audit.leanings.tables import leaning_content
from rewardsmith.report.audit.pairs.decision_table import decision_table
from rewardsmith.report.audit.words.review import review_sentence
from rewardsmith.report.audit.words.second_labels import second_sentences
from rewardsmith.report.binning import strength_columns
from rewardsmith.report.galleries import galleries
from rewardsmith.report.glossary import AUDIT_TERMS, TermLinks
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.page import render_page


def render_audit_report(
    metrics: AuditMetrics,
    pairs: pa.Table,
    strengths: pa.Table,
    options: ReportOptions | None = None,
    fingerprint: str | None = None,
) -> str:
    """The report as one HTML document.

    ``pairs`` and ``strengths`` are in the same order. A part of ``metrics`` that is None has no section. Text of the
    data is escaped everywhere; ``report_text="none"`` leaves it out: texts, names of categories and annotators,
    messages of checks that may quote a row. ``fingerprint``: of the audit, under which a browser keeps decisions;
    without it none are kept.
    """
    options = options or ReportOptions()
    with_text = options.report_text == "full"
    categories = bar_tables.category_table(metrics, with_text)
    annotators = bar_tables.annotator_table(metrics, with_text)
    deciding = decision_table(pairs, strengths, metrics, options, fingerprint)
    is_held_out, second = strength_columns(strengths)[2], metrics.get("second_labels")
    return render_page(
        "audit.html.j2",
        metrics=metrics,
        title=metrics["title"],
        with_text=with_text,
        key_numbers=sections.key_numbers(metrics),
        classes=sections.class_shares(metrics),
        figures=figures_of(metrics, strengths),
        planted=planted_of(metrics),
        planted_notes=sections.planted_notes(metrics),
        categories=categories,
        category_finding=bar_tables.bar_finding(categories),
        annotators=annotators,
        annotator_finding=bar_tables.bar_finding(annotators),
        structured=metrics["structured"] or {},
        second_sentences=[*second_sentences(second)],
        structured_categories=bar_tables.structured_table(metrics, with_text),
        leanings=leaning_content(metrics.get("leanings"), with_text),
        galleries=galleries(pairs, strengths, options.report_examples, with_text, metrics["claim"]["level"]),
        pair_table=deciding and deciding.table,
        table_sentence=deciding and deciding.sentence,
        linked=TermLinks(AUDIT_TERMS),
        glossary=AUDIT_TERMS,
        is_held_out=is_held_out,
        measured=sections.measured(metrics),
        measured_notes=sections.measured_notes(metrics, is_held_out),
    )


def figures_of(metrics: AuditMetrics, strengths: pa.Table) -> dict[str, Any]:
    """Every figure by name; None where nothing was measured."""
    distribution = distribution_figure(strengths, metrics["strength"]["share_negative_mean"])
    if distribution and sections.class_shares(metrics):
        distribution = replace(distribution, legend=())  # the shares of the classes stand above it, with their colours
    return {
        "distribution": distribution,
        "spread": spread_figure(strengths),
        "spread_by_group": spread_by_group_figure(metrics["strength"]["spread_by_bin"]),
        "length": length_figure(metrics["length"]),
        "accuracy": accuracy_figure(metrics),
        "second": second_figure(metrics["second_labels"]) if "second_labels" in metrics else None,
    }


def planted_of(metrics: AuditMetrics) -> list[dict[str, Any]]:
    """Each kind of planted flips with its figures."""
    return [
        {
            "entry": entry,
            "review": review_figure(entry, f"review-{i}", metrics["claim"]["level"]),
            "review_sentence": review_sentence(entry, metrics["claim"]["level"]),
            "review_rows": review_rows(entry["review"]) if entry["review"] else [],
            "figure": planted_figure(entry, f"planted-{i}"),
            "reliability": reliability_figure(entry, f"reliability-{i}"),
            "best": max(row["auroc"] for row in entry["baselines"]),
        }
        for i, entry in enumerate(metrics["planted_flips"] or [])
    ]
