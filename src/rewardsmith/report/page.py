"""One self-contained HTML page from a template and what it is to show."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rewardsmith.artifacts.terminal.plain_text import escaped
from rewardsmith.report import numbers
from rewardsmith.report.palette import css_variables

_TABLE_SCRIPTS = ("decisions.js", "pair_view.js", "load_decisions.js", "pair_table.js")
_WORDS = ("count", "decimal", "decimal_range", "known", "megabytes", "part", "percent", "percent_range", "probability")
"""What ``numbers.py`` has for templates."""


def render_page(template: str, **content: Any) -> str:
    """The document, with style and script inside: its policy lets no other script run. Text of the data is escaped;
    in all of it, characters that nobody sees are escapes, so that none turns its neighbours round.

    With a ``pair_table`` in its content, the page has what that needs.
    """
    has_table = content.get("pair_table") is not None
    script = "".join(map(_asset, ("audit.js", *(_TABLE_SCRIPTS if has_table else ()))))
    style = _asset("audit.css") + (_asset("pair_table.css") if has_table else "")
    page = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(f":root {{\n  color-scheme: light dark;\n{css_variables()}\n}}\n{style}"),
            script=Markup(script),
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            **content,
        )
    )
    return escaped(page.replace("\r\n", "\n"))


@cache
def _environment() -> Environment:
    """Templates, compiled once, that escape whatever they print; a misspelt name is an error."""
    env = Environment(
        loader=PackageLoader("rewardsmith.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _WORDS:
        env.globals[name] = getattr(numbers, name)
    return env


def _asset(name: str) -> str:
    """A text file that lies beside the templates."""
    return (resources.files("rewardsmith.report") / "templates" / name).read_text(encoding="utf-8")
