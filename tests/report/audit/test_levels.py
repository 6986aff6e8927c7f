"""What an audit says at each level, wherever it says it."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.options import ReportOptions
from rewardsmith.workflows.audit import AuditResult

COUNTS = {"expected_wrong": 1271.2, "num_flagged": 1183, "expected_wrong_flagged": 1139.4}
SHARES = {"label_noise": 0.0772, "categories": 0.0881, "planted": 0.0663, "structured": 0.0467, "annotators": 0.0574}
LEVELS = {
    "labels_judged": [],
    "reading_order": ["finds_few_flips"],
    "cannot_tell": ["finds_no_flips"],
}


@pytest.fixture(scope="module", params=LEVELS)
def audit(
    request: pytest.FixtureRequest, fake_audit: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> AuditResult:
    """One set of numbers, in which every share and count of wrong labels is told from all others."""
    pairs, strengths = fake_audit.fake_tables(400)
    metrics: dict[str, Any] = fake_audit.fake_metrics(400, strengths)
    metrics["label_noise"] |= {"value": SHARES["label_noise"], **COUNTS}
    metrics["accuracy"]["attainable"] = {"value": 1 - SHARES["label_noise"], "low": 0.9, "high": 0.95}
    metrics["categories"][3]["share_doubtful"] = SHARES["categories"]
    metrics["planted_flips"][0]["noise_found"]["value"] = SHARES["planted"]
    metrics["structured"]["categories"][1]["share_wrong"] = SHARES["structured"]
    metrics["annotators"][2]["error_rate"] = SHARES["annotators"]
    metrics, strengths = fake_audit.at_level(metrics, strengths, request.param, LEVELS[request.param])
    check_metrics(metrics, AuditMetrics, "")
    folder = tmp_path_factory.mktemp("audit")
    page = render_audit_report(metrics, pairs, strengths, ReportOptions(report_examples=2))
    (folder / "report.html").write_text(page, encoding="utf-8")
    return AuditResult(str(folder), metrics, pairs, strengths, [])


@pytest.fixture(scope="module")
def said(audit: AuditResult) -> dict[str, str]:
    """All that a reader can get of an audit, by where."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    audit.print(console)
    report = Path(audit.report_path).read_text(encoding="utf-8")
    drawn = re.compile(r"<style>.*?</style>|<(path|text) [^>]*>", flags=re.DOTALL)  # numbers that nobody reads
    classes = audit.strengths_table["strength_class"].unique().to_pylist()
    return {
        "terminal": console.file.getvalue(),  # type: ignore[attr-defined]
        "report": drawn.sub("", report),
        "notebook": drawn.sub("", unescape(audit._repr_html_())),
        "json": json.dumps(audit.summary()),
        "python": f"{audit.verdict} {audit.metrics}",
        "classes": " ".join(map(str, classes)),
    }


def level_of(audit: AuditResult) -> str:
    return audit.metrics["claim"]["level"]


def test_no_class_is_called_incorrect_unless_labels_are_judged(audit: AuditResult, said: dict[str, str]) -> None:
    where = {name for name, text in said.items() if "incorrect" in text.lower()}
    everywhere = {"terminal", "report", "notebook", "json", "python", "classes"}
    assert where == (everywhere if level_of(audit) == "labels_judged" else set())


def test_no_count_or_share_of_wrong_labels_is_said_unless_labels_are_judged(
    audit: AuditResult, said: dict[str, str]
) -> None:
    counts = re.compile(r"\b(1,?271|1,?183|1,?139)\b")
    shares = re.compile(r"\b(7\.7%|0\.0772|8\.8%|0\.0881|6\.6%|0\.0663|4\.7%|0\.0467|5\.7%|0\.0574|0\.9228|0\.923)")
    judged = level_of(audit) == "labels_judged"
    for name in ("terminal", "report", "notebook", "json", "python"):
        assert bool(counts.search(said[name])) == judged, name
        assert bool(shares.search(said[name])) == judged, (name, shares.findall(said[name]))


def test_all_places_open_with_the_same_line(audit: AuditResult, said: dict[str, str]) -> None:
    line = audit.metrics["verdict"]["line"]
    start = {"labels_judged": "Check by hand: about 8%", "reading_order": "Check by hand, from the top"}
    assert line.startswith(start.get(level_of(audit), "Cannot tell which labels are wrong: labels flipped as a test"))
    assert audit.verdict.startswith(line)
    assert " ".join(said["terminal"].split()).startswith(f"Audit of helpful-base {line}")
    assert json.loads(said["json"])["verdict"]["line"] == line
    opening = said["report"].split('<p class="verdict line">')[1].split("</p>")[0]
    assert re.sub("<.*?>", "", opening) == line


def test_classes_are_shown_where_pairs_have_them(audit: AuditResult, said: dict[str, str]) -> None:
    level = level_of(audit)
    assert ('class="stack"' in said["report"]) == ("ambiguous " in said["terminal"]) == (level != "cannot_tell")
    assert (said["classes"] == "None") == (level == "cannot_tell")


def test_galleries_have_the_names_that_the_level_allows(audit: AuditResult, said: dict[str, str]) -> None:
    first = {
        "labels_judged": "Most doubtful",
        "reading_order": "First to read",
        "cannot_tell": "Furthest against the judges",
    }
    gallery = said["report"].split('id="pairs-doubtful"')[1]
    assert f"<h3>{first[level_of(audit)]}</h3>" in gallery.split("</h3>")[0] + "</h3>"
    assert ("p_wrong" in gallery.split("Terms")[0]) == (level_of(audit) != "cannot_tell")


def test_pairs_without_a_class_are_one_colour_without_a_legend(audit: AuditResult, said: dict[str, str]) -> None:
    figure = said["report"].split('id="distribution"')[1].split("</figure>")[0]
    assert "no class" not in figure
    assert pa.compute.count(audit.strengths_table["strength_mean"]).as_py() == 400
