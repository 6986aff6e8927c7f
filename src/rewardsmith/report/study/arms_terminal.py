"""A study of arms on a terminal, and the forecast before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.report.numbers import count, duration, known
from rewardsmith.report.study.arms_tables import arm_rows, points, verdict
from rewardsmith.report.terminal import TEXT_WIDTH, plain
from rewardsmith.studies.arms.forecast import Forecast

MAX_WITH_INTERVALS = 2
"""Tests whose intervals fit side by side."""


def print_arms(metrics: Mapping[str, Any], console: Console, report_path: str) -> None:
    """Verdict and table on a rich console."""
    width = min(console.width, TEXT_WIDTH)
    console.print()
    console.print(plain(metrics["title"], "bold"))
    console.print()
    console.print(plain(verdict(metrics)), width=width)
    console.print()
    console.print(
        plain(
            f"Accuracy of {metrics['baseline']}; gains of the others in points (+ clearly better, \N{MINUS SIGN} worse)"
        )
    )
    console.print(_arms(metrics))
    console.print()
    needed = {test["name"]: number for test in metrics["tests"] if (number := _largest(test, "pairs_for_a_point"))}
    if needed:
        words = ", ".join(f"{name} {count(number)}" for name, number in needed.items())
        console.print(plain(f"One point would take about so many test pairs: {words}."), width=width)
    console.print()
    console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def _arms(metrics: Mapping[str, Any]) -> Table:
    tests = metrics["tests"]
    table = Table("arm", box=None, padding=(0, 2, 0, 0))
    for header in (*(test["name"] for test in tests), "rate", "time"):
        table.add_column(plain(header), justify="right")
    for row in arm_rows(metrics):
        cells = row.cells if len(tests) <= MAX_WITH_INTERVALS else row.brief
        table.add_row(plain(row.name), *cells, row.rate, f"\N{MULTIPLICATION SIGN}{row.cost}")
    seen = [points(_largest(test, "smallest_seen")) for test in tests]
    table.add_row("could be seen", *seen, "", "", style="dim")
    return table


def _largest(test: Mapping[str, Any], name: str) -> float | None:
    """Of the arms: a number that holds for each of them."""
    return max(filter(known, (own[name] for own in test["arms"].values())), default=None)


def forecast_in_words(forecast: Forecast) -> str:
    """One sentence."""
    return (
        f"{forecast.num_trainings} trainings and {forecast.num_tests} tests, {forecast.workers} at a time: about "
        f"{duration(forecast.seconds)}, by a few measured steps of every arm."
    )


def print_forecast(forecast: Forecast, console: Console) -> None:
    """Arms and what each piece takes, then all of it."""
    table = Table("arm", "trainings", "each", "tests", "each", box=None, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, arm in forecast.arms.items():
        pieces = (arm.num_trainings, arm.training_s), (arm.num_tests, arm.test_s)
        table.add_row(plain(name), *(words for number, each in pieces for words in (str(number), duration(each))))
    console.print(table)
    console.print(plain(forecast_in_words(forecast)))
