from __future__ import annotations

from html.parser import HTMLParser

from rewardsmith.report.page import inline_report


def test_the_frame_carries_the_page_unchanged_and_isolated():
    page = "<!doctype html><p title=\"a\">5 < 6 & 'quotes' &amp;</p>"
    found = {}

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found[tag] = dict(attrs)

    Parser().feed(inline_report(page, height=300))
    assert list(found) == ["iframe"]
    assert found["iframe"]["srcdoc"] == page
    assert found["iframe"]["sandbox"] == "allow-scripts"
    assert "height: 300px" in found["iframe"]["style"]
