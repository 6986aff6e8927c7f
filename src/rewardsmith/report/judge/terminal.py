"""The numbers of judging for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from rewardsmith.contracts.metrics.judge import (
    ContestNumbers,
    FileNumbers,
    ForecastNumbers,
    JudgeMetrics,
    PositionNumbers,
    RulingCounts,
    SpentNumbers,
    TruthNumbers,
)
from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.report.numbers import MISSING, decimal, known
from rewardsmith.report.terminal import flags, plain

PROBLEMS = {
    "refused": "refused by the judge",
    "unreadable": "answered without a verdict that can be read",
    "cut_off": "answered up to `max_judge_tokens` without a verdict",
    "no_answer": "left without an answer (with `overwrite` the same command asks for these again, and only these)",
}


def print_judging(metrics: JudgeMetrics, console: Console) -> None:
    """Who wins how often, and how far the judge is to be trusted."""
    m = metrics
    if m["contests"]:
        console.print("Win rates in percent, ties half; 95 % intervals over prompts", style="bold")
        console.print(_contests(m["contests"]))
    if len(m["files"]) > 2:
        console.print("Ratings (Bradley-Terry; 400 points are odds of 10 to 1)", style="bold")
        console.print(_ratings(m["files"]))
    console.print()
    for line in _lines(m):
        console.print(flags(line), markup=False, highlight=False)


def print_forecast(forecast: ForecastNumbers, console: Console) -> None:
    """What judging would take, and what is there already."""
    console.print(forecast_words(forecast), markup=False, highlight=False)


def forecast_words(f: ForecastNumbers) -> str:
    """Of what is still to be asked."""
    cost = "" if f["cost"] is None else f", cost up to {f['cost']:.2f}"
    worst = "" if f["cost_most"] is None else f" and a cost up to {f['cost_most']:.2f}"
    return (
        f"{f['num_requests']:,} requests: about {f['num_tokens_in']:,} tokens to read, up to {f['num_tokens_out']:,} "
        f"to write{cost}. {f['num_kept']:,} answers are kept already. An answer that cannot be read is asked for once "
        f"more: at worst {f['num_requests_most']:,} requests{worst}."
    )


def _contests(contests: list[ContestNumbers]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("first", "second"):
        table.add_column(heading)
    for heading in ("win/tie/lose", "win rate", "at equal lengths"):
        table.add_column(heading, justify="right")
    table.add_column("first is")
    for c in contests:
        outcomes = "/".join(f"{c[key]:,}" for key in ("num_wins", "num_ties", "num_losses"))
        rates = (_points(c["win_rate"]), _points(c["length_controlled_rate"]))
        table.add_row(plain(c["first"]), plain(c["second"]), outcomes, *rates, c["verdict"])
    return table


def _ratings(files: list[FileNumbers]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("file")
    table.add_column("rating", justify="right")
    table.add_column("95 % interval", justify="right")
    for file in files:
        rating = file["rating"]
        ends = f"{decimal(rating['low'], 0)} to {decimal(rating['high'], 0)}" if known(rating["low"]) else MISSING
        table.add_row(plain(file["name"]), decimal(rating["value"], 0), ends)
    return table


def _lines(m: JudgeMetrics) -> Iterator[str]:
    yield f"Judge: {m['judge']}{_manner(m)}."
    counts: list[tuple[str, RulingCounts]] = [(f"{c['first']} against {c['second']}", c) for c in m["contests"]]
    unclear = [c for c in m["contests"] if c["verdict"] == "unclear" and c["smallest_seen"] is not None]
    if unclear:
        seen = [f"{c['smallest_seen']:.1%} ({c['first']} against {c['second']})" for c in unclear]
        yield f"In four of five cases so many prompts show a win rate that is this far from a half: {', '.join(seen)}."
    if len(m["files"]) > 2 and any(file["rating"]["value"] is None for file in m["files"]):
        yield "There are no ratings: some file, or group of files, never lost to the others or never won."
    for t in m["truth"]:
        yield from _of_truth(t)
        counts.append((t["name"], t))
    if m["position"] is not None:
        yield _of_position(m["position"])
    for name, own in counts:
        for problem, number in own["not_judged_by_problem"].items():
            yield f"{name}: {number:,} of {own['num_pairs']:,} pairs were {PROBLEMS[problem]}; they count nowhere."
        if own["num_equal"]:
            yield f"{name}: {own['num_equal']:,} pairs have equal responses, and are ties."
    for file in m["files"]:
        if file["num_bad_rows"]:
            bad = f"{file['num_bad_rows']:,} of {file['num_rows']:,}"
            yield f"{file['name']}: {bad} rows cannot be used: see quarantine.jsonl."
    if m["spent"] is not None:
        yield _of_spending(m["spent"], m["duration_s"])


def _manner(m: JudgeMetrics) -> str:
    """How it judges."""
    if m["rubric"] is not None:
        orders = "in both orders" if m["orders"] == "both" else "once, in a random order"
        return f", by the rubric {m['rubric']}, asked {orders}"
    return f", where gaps up to {m['tie_band']:g} are ties" if m["tie_band"] else ""


def _of_truth(t: TruthNumbers) -> Iterator[str]:
    by = "the label" if t["truth"] == "labels" else "gold"
    yield (
        f"{t['name']}: within prompts the judge agrees with {by} in {_share(t['accuracy_ties_half'])} of "
        f"{t['num_judged']:,} pairs of {t['num_prompts']:,} prompts, its {t['num_ties']:,} ties half; "
        f"where it decides, in {_share(t['accuracy'])}."
    )
    needed = [f"{n['gain']:.0%}: {n['num_comparisons']:,}" for n in t["needed"] if n["num_comparisons"] is not None]
    if needed and t["share_of_gain"] is not None:
        yield (
            f"If it errs alike for both sides, {t['share_of_gain']:.0%} of a true gain shows in its win rate. Prompts "
            f"that it takes to see a gain of {', of '.join(needed)}."
        )
    else:
        yield "It cannot be told from chance here: its win rates say nothing."


def _of_position(p: PositionNumbers) -> str:
    return (
        f"Position: {p['consistent']:.1%} of {p['num_pairs']:,} pairs get the same answer in both orders; "
        f"{_share(p['first_rate'])} of decided answers prefer what is shown first (half without a bias). Shown first "
        f"won both times in {p['num_first_both_times']:,} pairs, shown second in {p['num_second_both_times']:,}."
    )


def _of_spending(s: SpentNumbers, duration_s: float) -> str:
    cost = "" if s["cost"] is None else f", cost {s['cost']:.2f}"
    uncounted = (
        f" (estimated for {s['num_uncounted']:,} answers, of which the endpoint does not say)"
        if s["num_uncounted"]
        else ""
    )
    return (
        f"{s['num_requests']:,} answers paid and {s['num_kept']:,} kept ones used, {s['num_retries']:,} tries again, "
        f"{s['num_tokens_in']:,} tokens read and {s['num_tokens_out']:,} written{uncounted}{cost}, {duration_s:.0f} s."
    )


def _share(interval: IntervalNumbers) -> str:
    """``61.2% (55.0\N{EN DASH}67.1)``."""
    if interval["value"] is None:
        return MISSING
    if interval["low"] is None or interval["high"] is None:
        return f"{interval['value']:.1%}"
    return f"{interval['value']:.1%} ({100 * interval['low']:.1f}\N{EN DASH}{100 * interval['high']:.1f})"


def _points(interval: IntervalNumbers) -> str:
    """``61.2 (55.0\N{EN DASH}67.1)``: in percent, where the heading says so."""
    return _share(interval).replace("%", "")
