"""An Altair chart -> a static SVG that follows the page: its fonts, its light and dark colours, its width.

No script is embedded: each figure is drawn twice, for a wide and a narrow page, and style sheets choose. Colours of
the palette become CSS variables; a mark's ``description`` becomes its tooltip. Works on the parsed tree, so text that
comes from data stays text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

from rewardsmith.report.palette import light, theme_colours
from rewardsmith.report.vega import NotDrawnError, vega_svg

SVG_NAMESPACE = "http://www.w3.org/2000/svg"
DROPPED = {"font-family", "font-size-adjust", "role", "aria-roledescription", "aria-hidden", "aria-label"}
DROPPED |= {"pointer-events", "stroke-miterlimit"}
ET.register_namespace("", SVG_NAMESPACE)


@dataclass(frozen=True)
class Canvas:
    """The space a figure is drawn for, in pixels."""

    width: int
    is_narrow: bool

    def choose(self, wide: int, narrow: int) -> int:
        """The number that fits this canvas."""
        return narrow if self.is_narrow else wide


TIP = alt.Description("tip:N")
"""A mark's tooltip: the column ``tip`` of its row."""
WIDE = Canvas(800, is_narrow=False)
NARROW = Canvas(350, is_narrow=True)


@dataclass(frozen=True)
class LegendEntry:
    """A swatch (``square``, ``line``, ``dashed``, ``dot``, ``ring``) in a palette colour, and its words."""

    shape: str
    colour: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A drawn figure. ``title`` states the finding."""

    name: str
    title: str
    wide: Markup
    narrow: Markup
    caption: str = ""
    legend: tuple[LegendEntry, ...] = ()


def marks_of(values: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart of these rows, to be given a mark."""
    return alt.Chart({"values": tuple(values)})  # of a list, Altair copies each row again and again


def reference_line(value: float, axis: str, colour: str) -> alt.Chart:
    """A thin line at a value of the ``x`` or ``y`` axis."""
    line = marks_of([{"at": value}]).mark_rule(color=light(colour), strokeWidth=1, aria=False)
    chart: alt.Chart = line.encode(alt.X("at:Q") if axis == "x" else alt.Y("at:Q"))
    return chart


def layered(*charts: alt.Chart, height: int | alt.Step) -> alt.LayerChart:
    """Charts on shared axes, the first at the back."""
    return alt.LayerChart(layer=list(charts), height=height)


def draw(
    name: str,
    title: str,
    alt_text: str,
    chart_for: Callable[[Canvas], alt.LayerChart],
    caption: str = "",
    legend: tuple[LegendEntry, ...] = (),
) -> Figure:
    """The figure for both page widths; ``alt_text`` says the finding to those who cannot see it.

    Where nothing can be drawn these words stand in its place.
    """
    try:
        with debug_mode(False):  # to hold each part against the schema takes longer than drawing
            wide, narrow = (themed_svg(chart_for(canvas), canvas, alt_text) for canvas in (WIDE, NARROW))
    except NotDrawnError:
        wide, narrow = Markup('<p class="muted">Not drawn here. {}</p>').format(alt_text), Markup()
    return Figure(name, title, wide, narrow, caption, legend)


def themed_svg(chart: alt.LayerChart, canvas: Canvas, alt_text: str) -> Markup:
    """The chart as inline SVG of the canvas' width."""
    chart.width, chart.config = canvas.width, figure_config()
    chart.autosize = alt.AutoSizeParams(type="fit-x", contains="padding")
    root = ET.fromstring(vega_svg(chart.to_dict(validate=False)))
    restyle(root, theme_colours())
    view_box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib |= {"viewBox": view_box, "role": "img", "aria-label": alt_text}
    root.attrib["class"] = "narrow" if canvas.is_narrow else "wide"
    return Markup(ET.tostring(root, encoding="unicode"))


def restyle(element: ET.Element, colours: dict[str, str]) -> None:
    """Give an element and all below it the page's colours and fonts; descriptions become tooltips; empties leave."""
    tooltip = element.get("aria-label") if element.get("role") == "graphics-symbol" else None
    for name in DROPPED & element.attrib.keys():
        del element.attrib[name]
    for name in ("fill", "stroke"):
        if element.get(name) in colours:
            element.attrib[name] = colours[element.attrib[name]]
    if element.get("class", "").startswith("mark-") or element.get("class") in ("foreground", "background"):
        del element.attrib["class"]
    if tooltip and element.tag == f"{{{SVG_NAMESPACE}}}path":
        ET.SubElement(element, f"{{{SVG_NAMESPACE}}}title").text = tooltip
    for child in list(element):
        restyle(child, colours)
        if is_invisible(child):
            element.remove(child)


def is_invisible(element: ET.Element) -> bool:
    """True for what Vega leaves behind and nobody sees: hidden paths, empty groups."""
    tag = element.tag.rsplit("}", 1)[-1]
    if tag == "path":
        return element.get("display") == "none" or ("fill" not in element.attrib and "stroke" not in element.attrib)
    return tag == "g" and len(element) == 0


def figure_config() -> alt.Config:
    """Quiet axes: a thin base line, faint horizontal rules, words in the muted colour."""
    axis = alt.AxisConfig(
        labelColor=light("muted"),
        titleColor=light("muted"),
        gridColor=light("rule"),
        domainColor=light("axis"),
        tickColor=light("axis"),
        labelFontSize=12,
        titleFontSize=12.5,
        titleFontWeight="normal",
        titlePadding=10,
        labelPadding=5,
        tickSize=4,
        labelFlush=False,
    )
    return alt.Config(
        background="transparent",
        padding={"left": 2, "right": 8, "top": 12, "bottom": 2},
        view=alt.ViewConfig(stroke=None),
        axis=axis,
        axisX=alt.AxisConfig(grid=False),
        axisY=alt.AxisConfig(
            domain=False, ticks=False, titleAngle=0, titleAlign="left", titleBaseline="bottom", titleX=-30, titleY=-10
        ),
        text=alt.MarkConfig(color=light("muted"), fontSize=12),
    )
