"""The plane of two weights: level lines of J, and the paths of training in it (see metarm_ends.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import altair as alt
import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.report.palette import light
from rewardsmith.report.svg import figure_config, layered, marks_of
from rewardsmith.report.vega import vega_svg

LEVELS = tuple(0.42 + 0.03 * i for i in range(14))
LINES = {
    "plain": ("muted", "plain training: ends in the minimum of L"),
    "phi kept": ("sky", "Algorithm 1, where the gradient is taken: ends there too"),
    "published": ("orange", "Algorithm 1, what is kept: ends a step down J"),
    "opposite": ("blue", "the opposite sign, what is kept: ends a step up J"),
}
LEFT, RIGHT, BOTTOM, TOP = -0.1, 1.9, -1.0, 1.7


def draw_ends(paths: Mapping[str, Float[Tensor, "steps 2"]], spread: Callable[[Tensor], Tensor]) -> str:
    """An SVG with a white page of its own."""
    lines = [
        {"x": x, "y": y, "order": i, "which": words}
        for name, (_, words) in LINES.items()
        for i, (x, y) in enumerate(paths[name].tolist())
    ]
    across, up = (f"weight of the feature that {who} show" for who in ("preferences", "shifted responses"))
    x = alt.X("x:Q", title=across, scale=alt.Scale(domain=[LEFT, RIGHT], nice=False))
    y = alt.Y("y:Q", title=up, scale=alt.Scale(domain=[BOTTOM, TOP], nice=False), axis=alt.Axis(grid=False))
    names, colours = [words for _, words in LINES.values()], [light(colour) for colour, _ in LINES.values()]
    legend = alt.Legend(orient="bottom", columns=1, title=None, labelLimit=0, labelFontSize=12, symbolType="stroke")
    colour = alt.Color("which:N", scale=alt.Scale(domain=names, range=colours), legend=legend)
    dash = alt.StrokeDash("which:N", scale=alt.Scale(domain=names, range=[[1, 0], [5, 3], [1, 0], [1, 0]]), legend=None)
    drawn = marks_of(lines).encode(x=x, y=y, order="order:Q", color=colour, strokeDash=dash)
    ends = [{"x": x, "y": y, "which": LINES[name][1]} for name in LINES for x, y in paths[name][-1:].tolist()]
    level = marks_of(level_lines(spread)).encode(x=x, y=y, order="order:Q", detail="part:N")
    words = marks_of(level_words(spread)).encode(x=x, y=y, text="text:N")
    dots = marks_of(ends).encode(x=x, y=y, color=colour)
    chart = layered(
        level.mark_line(color=light("rule"), strokeWidth=1, clip=True),
        words.mark_text(color=light("muted"), fontSize=10.5, baseline="bottom", dy=-1, clip=True),
        drawn.mark_line(strokeWidth=2.25, clip=True),
        dots.mark_point(filled=True, size=70, opacity=1),
        height=430,
    )
    config = figure_config()
    config["background"] = light("page")
    return vega_svg(chart.properties(width=560, config=config).to_dict())


def level_lines(spread: Callable[[Tensor], Tensor]) -> list[dict[str, float | str]]:
    """J grows along every ray from the origin, so one distance a direction gives a level line."""
    return [
        {"x": radius * math.cos(angle), "y": radius * math.sin(angle), "order": i, "part": f"{level:.2f}"}
        for level in LEVELS
        for i, angle in enumerate(torch.linspace(-1.7, 1.7, 61).tolist())
        if (radius := radius_of(spread, level, angle)) is not None
    ]


def level_words(spread: Callable[[Tensor], Tensor]) -> list[dict[str, float | str]]:
    """The value of J beside every other line, near the upright axis."""
    angle = 1.54
    found = [(level, radius_of(spread, level, angle)) for level in LEVELS[1::2]]
    return [
        {"x": radius * math.cos(angle), "y": radius * math.sin(angle), "text": f"J = {level:.2f}"}
        for level, radius in found
        if radius is not None
    ]


def radius_of(spread: Callable[[Tensor], Tensor], level: float, angle: float) -> float | None:
    """The distance from the origin at which J has this value; None: nowhere near."""
    direction = torch.tensor([math.cos(angle), math.sin(angle)])
    low, high = 0.0, 6.0
    if not float(spread(low * direction)) < level < float(spread(high * direction)):
        return None
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if float(spread(middle * direction)) < level else (low, middle)
    return low
