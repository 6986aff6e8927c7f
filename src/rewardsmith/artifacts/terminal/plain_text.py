"""Text of data and file names for a terminal: nothing in it moves the cursor, changes a title or hides what it is."""

from __future__ import annotations

_JOINERS = "\u200c\u200d"  # invisible, but parts of words and of emoji


def escaped(text: str) -> str:
    """The text with control characters, but for line ends and tabs, as escapes; all kinds of spaces as spaces."""
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def one_line(text: str) -> str:
    """The same in one line: line ends and tabs are escapes too."""
    return escaped(text).translate({ord("\n"): "\\n", ord("\t"): "\\t"})


def _shown(letter: str) -> str:
    if letter.isprintable() or letter in "\n\t" or letter in _JOINERS:
        return letter
    return " " if letter.isspace() and not letter.isascii() else letter.encode("unicode_escape").decode()
