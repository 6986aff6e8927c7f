from __future__ import annotations

import xml.etree.ElementTree as ET

import altair as alt

from rewardsmith.report.palette import PALETTE, light
from rewardsmith.report.svg import NARROW, WIDE, draw, layered, marks_of


def figure_of(values):
    def chart(canvas):
        bars = marks_of(values).mark_bar(color=light("blue"))
        return layered(bars.encode(x=alt.X("name:N", title="a"), y="n:Q", description="tip:N"), height=100)

    return draw("name", "a title", 'alt & "text"', chart)


def test_colours_follow_the_theme_and_nothing_is_fetched():
    svg = str(figure_of([{"name": "a", "n": 1, "tip": "one"}]).wide)
    assert "var(--blue)" in svg
    assert not any(day in svg for day, _ in PALETTE.values())
    assert "font-family" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_both_widths_carry_the_words_for_those_who_cannot_see():
    figure = figure_of([{"name": "a", "n": 1, "tip": "one"}])
    for svg, canvas in ((figure.wide, WIDE), (figure.narrow, NARROW)):
        root = ET.fromstring(str(svg))
        assert (root.get("role"), root.get("aria-label")) == ("img", 'alt & "text"')
        assert abs(float(root.get("viewBox").split()[2]) - canvas.width) <= 2


def test_text_of_data_stays_text_in_labels_and_tooltips():
    evil = '<script>alert(1)</script>" onload="x'
    svg = str(figure_of([{"name": evil, "n": 1, "tip": evil}]).wide)
    assert "<script" not in svg
    root = ET.fromstring(svg)
    assert [e.text for e in root.iter("{http://www.w3.org/2000/svg}title")] == [evil]
    assert not any("onload" in name for e in root.iter() for name in e.attrib)
