"""One self-contained HTML page from the numbers of an evaluation."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics
from rewardsmith.report import evaluate_sections as sections
from rewardsmith.report import evaluate_words as words
from rewardsmith.report.calibration_figures import reliability_figure
from rewardsmith.report.page import asset, css_variables_block, environment


def render_evaluate_report(metrics: EvaluateMetrics) -> str:
    """The report as one HTML document, from ``metrics.json`` alone. Names of categories and models are escaped."""
    script, comparison = asset("audit.js"), metrics.get("comparison")
    return (
        environment()
        .get_template("evaluate.html.j2")
        .render(
            metrics=metrics,
            title=f"Evaluation of {metrics['reward_model']}",
            # Both are files of this package, and the policy lets no other script run.
            style=Markup(css_variables_block() + asset("audit.css")),
            script=Markup(script),
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            verdict=words.verdict(metrics),
            key_numbers=sections.key_numbers(metrics),
            reliability=reliability_figure(metrics),
            calibration=sections.calibration_rows(metrics),
            comparison=sections.comparison_rows(comparison) if comparison else [],
            comparison_finding=words.comparison_finding(comparison) if comparison else "",
            by_length=sections.length_table(metrics),
            by_category=sections.category_table(metrics),
            measured=words.measured(metrics),
        )
    )
