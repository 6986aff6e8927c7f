"""Help as the terminal has room for it: prose is filled, and a command goes on in lines that can still be copied."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import shutil
import textwrap
from collections.abc import Iterator
from functools import cache

WIDEST = 120
"""Columns: wider lines are hard to read."""


def room() -> int:
    """Columns to write in."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def filled(text: str, width: int) -> str:
    """Paragraphs filled; blank and indented lines stay lines, commands among them folded."""
    lines: list[str] = []
    for is_prose, group in itertools.groupby(text.splitlines(), key=lambda line: line[:1] not in ("", " ")):
        if is_prose:
            lines += textwrap.wrap(" ".join(group), width, break_long_words=False, break_on_hyphens=False)
        else:
            lines += [part for line in group for part in folded(line, width)]
    return "\n".join(lines)


def entry(word: str, meaning: str, width: int) -> str:
    """A word of a list, and what it is for in a column of its own."""
    return textwrap.fill(f"  {word:<10} {meaning}", width, subsequent_indent=13 * " ", break_on_hyphens=False)


def folded(command: str, width: int) -> Iterator[str]:
    """The lines of a command: where it is too long, it goes on before an option."""
    if len(command) <= width or not command.lstrip().startswith("rewardsmith "):
        yield command
        return
    line, *options = re.split(r" (?=--)", command)
    for option in options:
        if len(f"{line} {option} \\") > width:
            yield f"{line} \\"
            line = f"      {option}"
        else:
            line += f" {option}"
    yield line


@cache
def option_docstrings(options: type) -> dict[str, str]:
    """The string under each field of an options class, of those it extends too, each in one line."""
    found = {}
    for base in reversed([one for one in options.__mro__ if dataclasses.is_dataclass(one)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in itertools.pairwise(body.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = " ".join(words.split())
    return found
