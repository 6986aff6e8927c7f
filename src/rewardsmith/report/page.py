"""What every page shares: templates, style, and how a page stands in a notebook."""

from __future__ import annotations

from html import escape
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from rewardsmith.report import numbers
from rewardsmith.report.palette import css_variables

NOTEBOOK_HEIGHT = 720


def environment() -> Environment:
    """Templates that escape whatever they print; a misspelt name is an error."""
    env = Environment(
        loader=PackageLoader("rewardsmith.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "probability", "decimal", "count", "percent_range", "decimal_range", "known", "part"):
        env.globals[name] = getattr(numbers, name)
    return env


def asset(name: str) -> str:
    """A text file that lies beside the templates."""
    return (resources.files("rewardsmith.report") / "templates" / name).read_text(encoding="utf-8")


def css_variables_block() -> str:
    """The palette as the first rule of the style sheet."""
    return f":root {{\n  color-scheme: light dark;\n{css_variables()}\n}}\n"


def inline_report(html: str, height: int = NOTEBOOK_HEIGHT) -> str:
    """An inline frame that holds the whole report: for ``_repr_html_``. ``height`` in pixels.

    The frame is a sandbox of its own origin: the report's styles do not leak into the notebook, and nothing in it can
    reach the notebook.
    """
    return (
        f'<iframe srcdoc="{escape(html, quote=True)}" sandbox="allow-scripts" title="rewardsmith report" '
        f'style="width: 100%; height: {height}px; border: 1px solid #8884; border-radius: 6px"></iframe>'
    )
