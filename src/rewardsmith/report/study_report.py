"""One self-contained HTML page from the numbers of a noise study."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from rewardsmith.report import study_tables as tables
from rewardsmith.report.page import asset, css_variables_block, environment
from rewardsmith.report.study_figures import curves_figure, shares_figure


def render_study_report(metrics: Mapping[str, Any]) -> str:
    """The report as one HTML document, from ``metrics.json`` alone."""
    script = asset("audit.js")
    kinds = list(dict.fromkeys(place["kind"] for place in metrics["places"] if place["rate"]))
    columns = tables.pool_columns(metrics)
    return (
        environment()
        .get_template("study.html.j2")
        .render(
            metrics=metrics,
            title=metrics["title"],
            # Both are files of this package, and the policy lets no other script run.
            style=Markup(css_variables_block() + asset("audit.css")),
            script=Markup(script),
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            verdict=tables.verdict(metrics),
            kind_names=tables.KIND_NAMES,
            pool_names=tables.POOL_NAMES,
            columns=columns,
            rows=tables.method_rows(metrics, tables.USABLE),
            chosen=tables.chosen_rows(metrics),
            gap_text=tables.gap_text,
            choice=tables.CHOICES[metrics["trainer"]],
            curves=[figure for kind in kinds if (figure := curves_figure(metrics, kind))],
            shares=[figure for column in columns if (figure := shares_figure(metrics, column))],
            measured=tables.measured(metrics),
        )
    )
