"""The colours of every report, once: name -> (light, dark). Blue against orange survives every colour blindness."""

from __future__ import annotations

PALETTE: dict[str, tuple[str, str]] = {
    "page": ("#ffffff", "#15181c"),
    "panel": ("#f5f6f8", "#1d2126"),
    "ink": ("#1c2228", "#e8eaed"),
    "muted": ("#59636e", "#a2abb5"),
    "rule": ("#dfe3e8", "#30363d"),
    "axis": ("#aab2bb", "#59626c"),
    "blue": ("#1f66ad", "#74b3ee"),
    "sky": ("#9cc0e2", "#42688f"),
    "amber": ("#e0ac33", "#d8ae4c"),
    "orange": ("#c44e1c", "#f0905a"),
}

CLASS_COLOURS: dict[str, str] = {"incorrect": "orange", "ambiguous": "amber", "normal": "sky", "strong": "blue"}
"""Colour name of each strength class."""


def light(name: str) -> str:
    """The light value: what figures are drawn with, before ``svg.py`` makes them follow the theme."""
    return PALETTE[name][0]


def css_variables() -> str:
    """Declarations ``--name: light-dark(light, dark);``: one set of figures serves both themes."""
    return "\n".join(f"  --{name}: light-dark({day}, {night});" for name, (day, night) in PALETTE.items())


def theme_colours() -> dict[str, str]:
    """Light value -> the CSS variable that replaces it in a figure."""
    return {day: f"var(--{name})" for name, (day, _) in PALETTE.items()}
