"""A report inside a notebook cell."""

from __future__ import annotations

from html import escape

DEFAULT_HEIGHT = 720


def inline_report(html: str, height: int = DEFAULT_HEIGHT) -> str:
    """An inline frame that holds the whole report: for ``_repr_html_``. ``height`` in pixels.

    The frame is a sandbox of its own origin: the report's styles do not leak into the notebook, and nothing in it can
    reach the notebook.
    """
    return (
        f'<iframe srcdoc="{escape(html, quote=True)}" sandbox="allow-scripts" title="rewardsmith report" '
        f'style="width: 100%; height: {height}px; border: 1px solid #8884; border-radius: 6px"></iframe>'
    )
