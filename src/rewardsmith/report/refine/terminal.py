"""What refining changed, for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.contracts.metrics.refine import RefineMetrics
from rewardsmith.report.numbers import count, percent
from rewardsmith.report.refine.report import notes, parameter_words, refined_sentence
from rewardsmith.report.terminal import TEXT_WIDTH, plain, print_next_steps


def print_refined(metrics: RefineMetrics, console: Console, report_path: str) -> None:
    """Writes the result to ``console``; text of the data is never markup."""
    width = min(console.width, TEXT_WIDTH)
    console.print()
    console.print(plain(metrics["title"], "bold"))
    console.print()
    console.print(plain(refined_sentence(metrics)), width=width)
    if why := metrics["recipe"]["why"]:
        console.print(plain(why), width=width)
    console.print()
    if metrics["rules"]:
        console.print(_rules(metrics))
        console.print()
    length = metrics["length"]
    if length and length["longer_is_better"] is not None and length["longer_is_better_given"] is not None:
        before, after = percent(length["longer_is_better_given"]), percent(length["longer_is_better"])
        console.print(plain(f"The longer response is the better one: {before} as given, {after} refined."), width=width)
    for note in notes(metrics):
        console.print(plain(note), width=width)
    console.print()
    print_next_steps(metrics["next_steps"], console, width)
    console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def _rules(metrics: RefineMetrics) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("rule")
    table.add_column("pairs", justify="right")
    table.add_column("changed", justify="right")
    table.add_column("", style="dim")
    for rule in metrics["rules"]:
        words = parameter_words(rule["parameters"])
        table.add_row(plain(rule["rule"]), count(rule["num_selected"]), count(rule["num_changed"]), plain(words))
    return table
