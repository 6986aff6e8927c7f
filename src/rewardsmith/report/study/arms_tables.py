"""The numbers of a study of arms as words and tables, for the terminal and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from rewardsmith.report.numbers import decimal, duration
from rewardsmith.report.study.tables import gain_text
from rewardsmith.report.terminal import plain
from rewardsmith.studies.arms.forecast import Forecast


def forecast_in_words(forecast: Forecast) -> str:
    """One sentence."""
    return (
        f"{forecast.num_trainings} trainings and {forecast.num_tests} tests, {forecast.workers} at a time: about "
        f"{duration(forecast.seconds)} by a few measured steps of every arm."
    )


def print_forecast(forecast: Forecast, console: Console) -> None:
    table = Table("arm", "trainings", "each", "tests", "each", box=None, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, arm in forecast.arms.items():
        table.add_row(
            plain(name), str(arm.num_trainings), duration(arm.training_s), str(arm.num_tests), duration(arm.test_s)
        )
    console.print(table)
    console.print(plain(forecast_in_words(forecast)))


def print_arms(metrics: Mapping[str, Any], console: Console, report_path: str) -> None:
    for test in metrics["tests"]:
        table = Table(test["name"], "accuracy", "gain", box=None)
        for name, arm in test["arms"].items():
            table.add_row(plain(name), decimal(100 * arm["accuracy"], 1), gain_text(arm) if arm["verdict"] else "")
        console.print(table)
    console.print(plain(report_path))
