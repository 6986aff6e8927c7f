"""One page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def render_arms_report(metrics: Mapping[str, Any]) -> str:
    return f"<title>{metrics['title']}</title>"
