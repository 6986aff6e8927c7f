"""The verdict of an audit for a terminal: one paragraph, the key numbers, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.report.numbers import part
from rewardsmith.report.sections import class_shares, key_numbers

CLASS_STYLES = {"incorrect": "red", "ambiguous": "yellow", "normal": "cyan", "strong": "blue"}
BAR_WIDTH = 48
TEXT_WIDTH = 96


def print_verdict(metrics: Mapping[str, Any], console: Console, report_path: Path | str | None = None) -> None:
    """Write the verdict to ``console``. Any part of ``metrics`` may be absent; text of the data is never markup."""
    width = min(console.width, TEXT_WIDTH)
    heading = part(metrics, "title") or f"Audit of {part(metrics, 'dataset_name') or 'a preference set'}"
    console.print()
    console.print(plain(heading, "bold"))
    console.print()
    console.print(plain(part(metrics, "verdict") or "This audit came to no verdict."), width=width)
    console.print()
    print_classes(metrics, console)
    print_key_numbers(metrics, console)
    print_next_steps(metrics, console, width)
    if report_path is not None:
        console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def plain(words: object, style: str = "") -> Text:
    """Text without markup and without control characters, which could rewrite what the terminal shows."""
    return Text("".join(c for c in str(words) if c.isprintable() or c == "\n"), style=style)


def print_classes(metrics: Mapping[str, Any], console: Console) -> None:
    """The four strength classes as one bar, with its legend."""
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


def print_key_numbers(metrics: Mapping[str, Any], console: Console) -> None:
    """The row of key numbers as a small table."""
    numbers = key_numbers(metrics)
    if not numbers:
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_column(style="dim")
    for number in numbers:
        table.add_row(plain(number.label), plain(number.value), plain(number.detail))
    console.print(table)
    console.print()


def print_next_steps(metrics: Mapping[str, Any], console: Console, width: int) -> None:
    """What to do next, with the commands, which are never wrapped: they are there to be copied."""
    steps = part(metrics, "next_steps") or []
    if not steps:
        return
    console.print("What to do next", style="bold")
    for step in steps:
        console.print(plain(f"- {step.get('text') or ''}"), width=width)
        if step.get("command"):
            console.print(plain(f"    {step['command']}", "cyan"), soft_wrap=True)
    console.print()
