from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

from rewardsmith.report.notebook import ReportedResult, inline_report


def test_the_frame_carries_the_page_unchanged_and_isolated():
    page = "<!doctype html><p title=\"a\">5 < 6 & 'quotes' &amp;</p>"
    found = {}

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found[tag] = dict(attrs)

    Parser().feed(inline_report(page, height=300))
    assert list(found) == ["iframe"]
    assert found["iframe"]["srcdoc"] == page
    assert found["iframe"]["sandbox"] == "allow-scripts allow-downloads"
    assert "height: 300px" in found["iframe"]["style"]


def test_a_result_is_one_line_however_much_it_holds():
    @dataclass(frozen=True, repr=False)
    class Found(ReportedResult):
        table: str

        def in_short(self):
            return "3 pairs"

    found = Found("runs/x", {"n": 3}, "long " * 1000)
    assert repr(found) == "Found(runs/x: 3 pairs)"
    assert found.summary() == {"path": "runs/x", "report": "runs/x/report.html", "n": 3}
