from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from rewardsmith.artifacts.metrics_file import check_metrics
from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.report.iterate.report import render_iterate_report
from rewardsmith.report.iterate.terminal import print_iterate


def test_the_made_up_run_is_one_that_could_have_been_written(run: dict[str, Any]) -> None:
    check_metrics(run, IterateMetrics, "made up")


def test_the_page_loads_nothing_and_names_never_become_markup(run: dict[str, Any], tmp_path: Path) -> None:
    html = render_iterate_report(run | {"policy": "x<b>", "dataset": "<img src=x>"}, tmp_path)
    assert "x&lt;b&gt;" in html
    assert "<b>" not in html.partition("</style>")[2].partition("<script>")[0]
    assert "src=" not in html.replace("&lt;img src=x&gt;", "")
    assert "://" not in html.replace("http://www.w3.org", "")


def test_the_terminal_shows_the_best_round_and_what_to_do(run: dict[str, Any]) -> None:
    console = Console(file=io.StringIO(), width=120)
    print_iterate(run, console, "report.html")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Best of 3 rounds is round 2" in text
    assert "round 2 *" in text
    assert "rewardsmith sample prompts.jsonl" in text
