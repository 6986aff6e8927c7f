"""Features that are counts of marks: sentences, Markdown, numbers, links, punctuation. Patterns of RE2, for Arrow.

All but code are counted outside fenced code.
"""

from __future__ import annotations

FENCED_CODE = r"(?s)```.*?(?:```|\z)"

_PICTURE = (
    r"[\x{231A}\x{231B}\x{23E9}-\x{23FA}\x{25FD}\x{25FE}\x{2600}-\x{27BF}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}\x{1F004}"
    r"\x{1F0CF}\x{1F18E}\x{1F191}-\x{1F19A}\x{1F201}-\x{1F265}\x{1F300}-\x{1FAFF}]"
)
_TONE = r"[\x{FE0F}\x{1F3FB}-\x{1F3FF}]*"
_FLAG = r"[\x{1F1E6}-\x{1F1FF}]{2}"

MARKS = {
    "words": r"[\p{L}\p{M}\p{N}]+(?:['’.,_-][\p{L}\p{M}\p{N}]+)*",
    "sentences": r"[。！？]+|[.!?…]+[\"'”’)\]*_]*(?:\s|\z)",
    "list items": r"(?m)^[ \t]*(?:[-*+•‣◦]|\d{1,3}[.)])[ \t]+\S",
    "headings": r"(?m)^ {0,3}#{1,6}[ \t]+\S",
    "bold passages": r"\*\*[^*\s][^*\n]*\*\*|__[^_\s][^_\n]*__",
    "code passages": FENCED_CODE + r"|`[^`\n]+`",
    "numbers": r"\b\p{Nd}+(?:[.,:]\p{Nd}+)*",
    "links": r"(?i)\b(?:https?://|www\.)[^\s<>()]+",
    "questions": r"[?？؟]+",
    "exclamations": r"[!！]+",
    "emoji": rf"{_FLAG}|{_PICTURE}{_TONE}(?:\x{{200D}}{_PICTURE}{_TONE})*",
}
