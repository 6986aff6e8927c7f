"""The bars of a terminal: where a line is short, words give way, and totals stay whole. Loads rich, which is slow."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text


def new_bars() -> Progress:
    """A display on stderr for several tasks, each with a field ``notes``; it vanishes at the end."""
    return Progress(
        _Words("{task.description}"),
        BarColumn(bar_width=10, table_column=Column(no_wrap=True)),
        _Total(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        _Words("{task.fields[notes]}"),
        console=Console(stderr=True),
        transient=True,
    )


class _Words(TextColumn):
    def __init__(self, words: str) -> None:
        super().__init__(words, markup=False, table_column=Column())  # one that may be narrower than its words

    def render(self, task: Task) -> Text:
        words = super().render(task)
        words.no_wrap, words.overflow = True, "ellipsis"
        return words


class _Total(ProgressColumn):
    """``21,204/42,089``."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total}", style="progress.download")
