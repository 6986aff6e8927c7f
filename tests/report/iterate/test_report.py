from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.report.iterate.report import render_iterate_report
from rewardsmith.report.iterate.terminal import print_iterate
from rewardsmith.report.iterate.terms import ITERATE_TERMS

SECTIONS = ("path", "policies", "models", "samples", "cost", "next", "measured", "terms")


def sections_of(html: str) -> list[str]:
    return [name for name in SECTIONS if f'<section id="{name}">' in html]


def printed(run: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_iterate(run, console, "loop/report.html")
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_made_up_run_is_one_that_could_have_been_written(run: dict[str, Any]) -> None:
    check_metrics(run, IterateMetrics, "made up")


def test_a_whole_run_has_every_section_and_every_one_has_its_link(run: dict[str, Any], samples: Path) -> None:
    html = render_iterate_report(run, samples)
    assert sections_of(html) == list(SECTIONS)
    assert all(f'href="#{name}"' in html for name in SECTIONS)
    assert html.count("<figure ") == 8
    assert html.count("<summary>round ") == 3 and "rank correlation with gold" in html
    assert html.count('<tr class="best">') == 1


def test_the_page_loads_nothing_and_names_never_become_markup(run: dict[str, Any], samples: Path) -> None:
    tests = samples / run["start"]["samples"]
    tests.write_text(tests.read_text(encoding="utf-8").replace("policy 0", "<b>"), encoding="utf-8")
    html = render_iterate_report(run | {"policy": "x<i>", "dataset": "<img src=x>"}, samples)
    page = html.partition("</style>")[2].partition("<script>")[0]
    assert "x&lt;i&gt;" in page and "&lt;b&gt; says" in page
    assert "<i>" not in page and "<b> " not in page
    assert "src=" not in page.replace("&lt;img src=x&gt;", "")
    assert "://" not in html.replace("http://www.w3.org", "")


def test_every_term_is_explained_and_linked_where_it_first_stands(run: dict[str, Any], samples: Path) -> None:
    html = render_iterate_report(run, samples)
    for term in ITERATE_TERMS:
        assert html.count(f'id="{term.anchor}"') == 1, term.name
        assert html.count(f'href="#{term.anchor}"') == 1, term.name


def test_a_run_that_waits_before_its_first_round_is_shown_as_far_as_it_is(run: dict[str, Any], tmp_path: Path) -> None:
    run |= {"rounds": [], "best_round": None, "best_against_plain": None, "waiting_for": "round-1/decisions.jsonl"}
    html = render_iterate_report(run, tmp_path)
    assert "Round 1 waits for a person" in html
    assert sections_of(html) == ["next", "measured", "terms"]
    text = printed(run)
    assert "Round 1 waits for a person" in text and "\n\n\n" not in text
    assert "perplexity" not in text  # tables of rounds that are yet to come


def test_the_terminal_has_no_heading_over_nothing_to_do(run: dict[str, Any]) -> None:
    assert "What to do next" not in printed(run | {"next_steps": []})


def test_the_terminal_shows_the_best_round_the_numbers_and_what_to_do(run: dict[str, Any]) -> None:
    text = printed(run)
    assert "The policy of round 2 is judged best of 3 rounds." in text
    assert "round 2 *  0.53 (0.50 to 0.56)" in text
    assert "rewardsmith sample prompts.jsonl" in text
    assert "Not judged" not in text
    assert text.rstrip().endswith("Report  loop/report.html")


def test_the_terminal_says_what_was_not_judged(run: dict[str, Any]) -> None:
    run["rounds"][-1]["reward_model"]["disagreement"] = None
    assert (
        "Not judged: how sure the reward model is; no two models differ in their rewards (--num_members)."
        in printed(run)
    )
