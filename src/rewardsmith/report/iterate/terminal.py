"""A run of iterated RLHF on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.report.iterate.tables import model_rows, policy_rows
from rewardsmith.report.iterate.words import headline, not_judged, points
from rewardsmith.report.terminal import TEXT_WIDTH, flags, plain, print_next_steps, print_points


def print_iterate(metrics: IterateMetrics, console: Console, report_path: str) -> None:
    """Verdict, a line for each round's policy and one for its reward model, what to do next."""
    width = min(console.width, TEXT_WIDTH)
    console.print()
    console.print(plain(f"Iterated RLHF of {metrics['policy']}", "bold"))
    console.print()
    console.print(plain(headline(metrics), "bold"), width=width)
    console.print()
    if metrics["rounds"]:
        print_points(points(metrics), console, width)
        console.print(_policies(metrics))
        console.print()
        console.print(_models(metrics))
        console.print()
    if untold := not_judged(metrics):
        for what, why in untold:
            console.print(plain(flags(f"Not judged: {what[:1].lower()}{what[1:]}; {why}."), "dim"), width=width)
        console.print()
    if metrics["next_steps"]:
        print_next_steps(metrics["next_steps"], console, width)
    console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def _policies(metrics: IterateMetrics) -> Table:
    table = _table("policy", "gold", "gain, sd", "wins over first", "over the last", "KL", "perplexity")
    for row in policy_rows(metrics):
        name, kl = plain(f"{row.name} *" if row.is_best else row.name), row.kl.partition(" ")[0]
        table.add_row(name, row.gold, row.gain, row.against_first, row.against_last, kl, row.perplexity)
    return table


def _models(metrics: IterateMetrics) -> Table:
    by_judge = metrics["judged_by"] == "judge"
    right = "orders as the judge" if by_judge else "right on its samples"
    table = _table("reward model", "pairs", right, "spread here / first", "J", "drift")
    for row in model_rows(metrics):
        accuracy = row.judged if by_judge else row.accuracy
        table.add_row(row.name, row.num_pairs, accuracy, row.spread, row.objective, row.drift)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, padding=(0, 2, 0, 0))
    for name in others:
        table.add_column(name, justify="right")
    return table
