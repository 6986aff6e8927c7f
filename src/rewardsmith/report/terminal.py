"""The verdict of an audit for a terminal: one line, three points, the key numbers, the rest, what to do next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.artifacts.terminal.plain_text import escaped
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.report.sections import class_shares, key_numbers

CLASS_STYLES = {"incorrect": "red", "ambiguous": "yellow", "normal": "cyan", "strong": "blue"}
BAR_WIDTH = 48
TEXT_WIDTH = 96


def print_verdict(metrics: AuditMetrics, console: Console, report_path: Path | str | None = None) -> None:
    """Write the verdict to ``console``; text of the data is never markup."""
    width = min(console.width, TEXT_WIDTH)
    console.print()
    console.print(plain(metrics["title"], "bold"))
    console.print()
    found = metrics["verdict"]
    console.print(plain(flags(found["line"]), "bold"), width=width)
    console.print()
    print_points(found["points"], console, width)
    print_classes(metrics, console)
    print_key_numbers(metrics, console)
    if found["rest"]:
        console.print(plain(flags(" ".join(found["rest"]))), width=width)
        console.print()
    print_next_steps(metrics["next_steps"], console, width)
    if report_path is not None:
        console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def plain(words: object, style: str = "") -> Text:
    """Text without markup; control characters, which could rewrite what the terminal shows, as escapes."""
    return Text(printable(str(words)), style=style)


def printable(words: str) -> str:
    """The text with control characters other than line ends as escapes; tabs and all kinds of spaces become spaces."""
    return escaped(words.replace("\r\n", "\n").expandtabs(4))


def flags(words: str) -> str:
    """The words with every option, which stands in backticks, as its flag."""
    return re.sub(r"`([a-z_]+)`", r"--\1", words)


def print_points(points: Sequence[str], console: Console, width: int) -> None:
    """One under another, each hanging behind its dash."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for point in points:
        table.add_row("-", plain(flags(point)))
    console.print(table, width=width)
    console.print()


def print_classes(metrics: AuditMetrics, console: Console) -> None:
    """The strength classes that the audit may speak of as one bar, with its legend."""
    shares = class_shares(metrics)
    if not shares:
        return
    # The parts end where the cumulative shares do, so that rounding never changes the length of the bar.
    bar, legend, end = Text(), Text(), 0.0
    for share in shares:
        start, end = end, end + share.share
        style = CLASS_STYLES[share.name]
        bar.append("\N{FULL BLOCK}" * (round(end * BAR_WIDTH) - round(start * BAR_WIDTH)), style)
        legend.append(f"{share.name} ", style).append(f"{share.share:.0%}   ")
    if console.encoding.lower().startswith("utf"):
        console.print(bar)
    console.print(legend)
    console.print()


def print_key_numbers(metrics: AuditMetrics, console: Console) -> None:
    """The row of key numbers as a small table."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_column(style="dim")
    for number in key_numbers(metrics):
        table.add_row(plain(number.label), plain(number.value), plain(number.detail))
    console.print(table)
    console.print()


def print_next_steps(steps: Sequence[NextStep], console: Console, width: int) -> None:
    """What to do next, with the commands, which are never wrapped: they are there to be copied."""
    console.print("What to do next", style="bold")
    for step in steps:
        console.print(plain(f"- {step['text']}"), width=width)
        console.print(plain(f"    {step['command']}", "cyan"), soft_wrap=True)
    console.print()
