"""Chat templates that write today's date give other rewards tomorrow."""

from __future__ import annotations

import re
from typing import Any

DATE_CALLS = re.compile(r"strftime_now|datetime|\bnow\s*\(")


def template_depends_on_date(tokenizer: Any) -> bool:
    """Whether the chat template asks for the current date (``strftime_now`` and relatives)."""
    template = getattr(tokenizer, "chat_template", None)
    templates = template.values() if isinstance(template, dict) else [template or ""]
    return any(DATE_CALLS.search(text) for text in templates)
