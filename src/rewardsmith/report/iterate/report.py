"""One self-contained HTML page from the numbers of iterated RLHF, as far as it has come, and its samples."""

from __future__ import annotations

from pathlib import Path

from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.report.choices.section import choices, measure_row
from rewardsmith.report.glossary import TermLinks
from rewardsmith.report.iterate import tables, words
from rewardsmith.report.iterate.cost_table import cost_rows
from rewardsmith.report.iterate.path_figures import path_figures
from rewardsmith.report.iterate.round_figures import accuracy_figure, gap_figure, match_figure
from rewardsmith.report.iterate.side_by_side import answered_prompts
from rewardsmith.report.iterate.terms import ITERATE_TERMS
from rewardsmith.report.page import render_page


def render_iterate_report(metrics: IterateMetrics, folder: Path) -> str:
    """The report as one HTML document, from ``metrics.json`` and the samples of the policies that lie in ``folder``."""
    policies, models = tables.policy_rows(metrics), tables.model_rows(metrics)
    rounds = [(f"round {each['round']}", each) for each in metrics["rounds"]]
    return render_page(
        "iterate.html.j2",
        metrics=metrics,
        title=f"Iterated RLHF of {metrics['policy']}",
        headline=words.headline(metrics),
        points=words.points(metrics),
        key_numbers=tables.key_numbers(metrics),
        paths=path_figures(metrics),
        policies=policies,
        policy_columns=tables.known_columns(tables.POLICY_COLUMNS, policies),
        matches=tables.match_rows(metrics),
        match_figure=match_figure(metrics),
        model_figures=[figure for figure in (accuracy_figure(metrics), gap_figure(metrics)) if figure],
        answered=answered_prompts(metrics, folder),
        models=models,
        model_columns=tables.known_columns(tables.MODEL_COLUMNS, models),
        choices=[choices(name, each["samples"], figure_name=f"best-of-n-{each['round']}") for name, each in rounds],
        measure_rows=[measure_row(name, each["samples"]) for name, each in rounds],
        labels=tables.label_rows(metrics),
        costs=cost_rows(metrics),
        not_judged=words.not_judged(metrics),
        measured=words.measured(metrics),
        linked=TermLinks(ITERATE_TERMS),
        glossary=ITERATE_TERMS,
    )
