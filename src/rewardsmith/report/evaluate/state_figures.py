"""Pictures of the states behind the rewards: principal components and t-SNE, two models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics
from rewardsmith.report.evaluate.state_words import state_finding
from rewardsmith.report.numbers import count, percent
from rewardsmith.report.palette import light
from rewardsmith.report.svg import Canvas, Figure, LegendEntry, draw, layered, marks_of

SIDES = {"preferred": "blue", "other": "orange"}
FILLED = 0.92
"""Share of its square that a panel's cloud fills."""
PCA_CAPTION = (
    "Straight distances along the two axes on which the states vary most; what lies along the other axes is not seen."
)
TSNE_CAPTION = (
    "Only who is near whom means something: distances between clouds, their size and density, and the axes do not, and "
    "another start or perplexity draws another picture."
)
CAPTION = (
    "Clouds that mix are no fault: a reward needs one direction in which the better response of each prompt lies "
    "farther, and no place for good responses. Clouds apart are no proof of a good reward model either."
)


@dataclass(frozen=True)
class Panel:
    """One cloud: its name, and the places [2B, 2] of the preferred states and then of the others."""

    name: str
    places: NDArray[np.float64]


def state_figures(metrics: EvaluateMetrics, maps: pa.Table | None) -> list[Figure]:
    """Of one model both maps in one figure; of two models a figure for each map."""
    if maps is None or metrics["states"] is None:
        return []
    finding = state_finding(metrics["states"])
    pca = f"principal components ({percent(metrics['states']['mapped_variance'])} of the variance)"
    if "preferred_pca_1_compared" not in maps.column_names:
        panels = (Panel(pca, _places(maps, "pca")), Panel("t-SNE", _places(maps, "tsne")))
        return [_picture("states", finding, panels, f"{PCA_CAPTION} t-SNE: {TSNE_CAPTION} {CAPTION}")]
    return [
        _picture(f"states-{method}", f"{title}. This model: {finding}", _of_both(maps, method), f"{caption} {CAPTION}")
        for method, title, caption in (("pca", "Principal components", PCA_CAPTION), ("tsne", "t-SNE", TSNE_CAPTION))
    ]


def _of_both(maps: pa.Table, method: str) -> tuple[Panel, Panel]:
    return Panel("this model", _places(maps, method)), Panel("the other", _places(maps, method, "_compared"))


def _places(maps: pa.Table, method: str, suffix: str = "") -> NDArray[np.float64]:
    sides = [[maps[f"{side}_{method}_{axis}{suffix}"].to_numpy() for axis in (1, 2)] for side in SIDES]
    return np.concatenate([np.stack(axes, axis=1) for axes in sides]).astype(np.float64)


def _picture(name: str, title: str, panels: Sequence[Panel], caption: str) -> Figure:
    def chart(canvas: Canvas) -> alt.LayerChart:
        across, down = (1, len(panels)) if canvas.is_narrow else (len(panels), 1)
        side = canvas.width / across
        axes = {
            "x": alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, across], nice=False)),
            "y": alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, down], nice=False)),
        }
        placed = [(panel, *_corner(place, across, down)) for place, panel in enumerate(panels)]
        dots = marks_of([dot for panel, left, bottom in placed for dot in _dots(panel, left, bottom)])
        names = [{"x": left + 0.01, "y": bottom + 0.99, "name": panel.name} for panel, left, bottom in placed]
        return layered(
            dots.mark_point(filled=True, size=canvas.choose(26, 18), opacity=0.6, aria=False).encode(
                **axes,
                color=alt.Color(
                    "side:N", scale=alt.Scale(domain=list(SIDES), range=[light(c) for c in SIDES.values()]), legend=None
                ),
            ),
            marks_of(names).mark_text(align="left", baseline="top", aria=False).encode(**axes, text=alt.Text("name:N")),
            height=round(side * down),
        )

    num_pairs = len(panels[0].places) // 2
    return draw(
        name,
        title,
        f"The states of {count(num_pairs)} pairs in two dimensions. {title}.",
        chart,
        caption,
        tuple(LegendEntry("dot", colour, f"{side} response") for side, colour in SIDES.items()),
    )


def _corner(place: int, across: int, down: int) -> tuple[int, int]:
    """Left and bottom of a panel, in squares: from left to right, or from the top downwards."""
    return place % across, down - 1 - place // across


def _dots(panel: Panel, left: int, bottom: int) -> Iterator[dict[str, Any]]:
    """The cloud in its square, both axes in one scale; the two sides take turns, so that none hides the other."""
    places = panel.places
    centre = (places.max(0) + places.min(0)) / 2
    spread = np.ptp(places, axis=0).max() or 1.0
    for pair in np.stack(np.split((places - centre) / spread * FILLED + 0.5, 2), axis=1):
        for side, (x, y) in zip(SIDES, pair, strict=True):
            yield {"x": round(left + x, 4), "y": round(bottom + y, 4), "side": side}
