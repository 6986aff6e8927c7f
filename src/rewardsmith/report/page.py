"""What every page shares: templates and style."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from rewardsmith.report import numbers
from rewardsmith.report.palette import css_variables


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
