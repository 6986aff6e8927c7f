"""The numbers of a noise study as words and tables, for the terminal and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.metrics.intervals import number_to_see
from rewardsmith.report.numbers import MISSING, count, decimal, duration, known, part, percent, percent_range
from rewardsmith.report.terminal import TEXT_WIDTH, plain
from rewardsmith.studies.noise.findings import USABLE
from rewardsmith.studies.noise.methods import CLEAN, PLAIN, Role
from rewardsmith.studies.noise.trainers import TRAINERS

ROLES: tuple[Role, ...] = (*USABLE, "diagnostic")
POOL_NAMES = {
    "votes": "single votes",
    "uniform": "uniform",
    "hard": "hard pairs",
    "longer": "longer wins",
    "clustered": "clustered",
    "structured": "structured",
    "all": "all planted kinds",
}
KIND_NAMES = {**POOL_NAMES, "none": "as it came"}
CHOSEN_BY = {
    "given": "of every arm by the held-out likelihood of the given, noisy labels",
    "own": "of every arm by the held-out likelihood of its own labels, noisy or repaired",
}
WORTH_SEEING = 0.02
"""Accuracy that noise costs."""
MARKS = {"better": "+", "worse": "\N{MINUS SIGN}", "unclear": ""}


@dataclass(frozen=True)
class MethodRow:
    """A method and its share of the gap closed in each pool, in the order of the columns; briefly, too."""

    name: str
    role: str
    cells: tuple[str, ...]
    brief: tuple[str, ...]
    on_clean: str


def pool_columns(metrics: Mapping[str, Any]) -> list[str]:
    """Pools that hold something; one that says the same as another is left out."""
    pools = metrics["pools"]
    seen: list[Any] = []
    columns = []
    for name in POOL_NAMES:
        if name in pools and pools[name]["places"] not in seen:
            seen.append(pools[name]["places"])
            columns.append(name)
    return columns


def method_rows(metrics: Mapping[str, Any], roles: tuple[Role, ...] = ROLES) -> list[MethodRow]:
    """Every method of some roles, the one that closes most of all first within its role."""
    columns = pool_columns(metrics)
    rows = []
    for role in roles:
        names = [method["name"] for method in metrics["methods"] if method["role"] == role]
        names.sort(key=lambda name: -_total(metrics, columns, name))
        for name in names:
            found = [part(metrics, "pools", column, "methods", name) for column in columns]
            cells, brief = tuple(map(share_text, found)), tuple(map(brief_text, found))
            rows.append(MethodRow(name, role, cells, brief, gain_text(part(metrics, "clean", name))))
    return rows


def share_text(found: Mapping[str, Any] | None) -> str:
    """``41% (33 to 49) +``: the share of the gap closed; + and − where the gain's interval excludes zero."""
    if not found or not known(found["share"]["value"]):
        return MISSING
    share = found["share"]
    words = f"{100 * share['value']:.0f}%".replace("-", "\N{MINUS SIGN}")
    if known(share["low"]) and known(share["high"]):
        words += f" ({100 * share['low']:.0f} to {100 * share['high']:.0f})".replace("-", "\N{MINUS SIGN}")
    return f"{words} {MARKS[found['verdict']]}".rstrip()


def brief_text(found: Mapping[str, Any] | None) -> str:
    """``41% +``."""
    words, _, rest = share_text(found).partition(" (")
    return f"{words} {MARKS[found['verdict']]}".rstrip() if found and rest else words


def gain_text(found: Mapping[str, Any] | None) -> str:
    """``−0.3 (−0.6 to 0.1)`` points; + and − where the interval excludes zero."""
    if not found or not known(found["gain"]["value"]):
        return MISSING
    return f"{interval_text(found['gain'])} {MARKS[found['verdict']]}".rstrip()


def interval_text(gain: Mapping[str, Any]) -> str:
    """``−0.3 (−0.6 to 0.1)`` points."""
    words = decimal(100 * gain["value"], 1)
    if known(gain["low"]) and known(gain["high"]):
        words += f" ({decimal(100 * gain['low'], 1)} to {decimal(100 * gain['high'], 1)})"
    return words


def gap_text(gap: Mapping[str, Any]) -> str:
    """A gap in points; in brackets where it does not exceed twice its standard error."""
    words = decimal(100 * gap["value"], 1)
    return words if gap["counts"] else f"({words})"


def verdict(metrics: Mapping[str, Any]) -> str:
    """What the study says, in one paragraph: of methods that were chosen on other seeds, where there are enough."""
    columns = pool_columns(metrics)
    if not columns:
        return _nothing(metrics)
    sentences = [_pool_sentence(metrics, column) for column in columns if column != "all"]
    if "all" in columns and (found := part(metrics, "chosen", "pools", "all", "any")):
        name = _named(metrics, found["method"]) + ", chosen on half of the seeds,"
        sentences.append(f"Over all kinds {name} gains {gain_text(found)} points on the others.")
    return " ".join(sentences)


def best_in_hindsight(metrics: Mapping[str, Any], pool: str) -> tuple[str, Mapping[str, Any]] | None:
    """Of all methods that could be used the one that closes most, on the seeds on which that is seen."""
    roles = roles_of(metrics)
    found = part(metrics, "pools", pool, "methods") or {}
    usable = {name: own for name, own in found.items() if roles.get(name) in USABLE and known(own["share"]["value"])}
    return max(usable.items(), key=lambda item: item[1]["share"]["value"]) if usable else None


def roles_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    return {method["name"]: method["role"] for method in metrics["methods"]}


def _nothing(metrics: Mapping[str, Any]) -> str:
    """Why no share is told."""
    if not metrics["places"]:
        reason = metrics["skipped"][0]["skipped"] if metrics["skipped"] else "no cell was asked for"
        return f"Nothing was measured: {reason}"
    if not metrics["enough_groups"]:
        return (
            f"Only {metrics['num_test_groups']} groups were tested, too few to say how sure a difference is: accuracies"
            " stand below without intervals and shares."
        )
    nothing = "No noise made a gap that exceeds twice its standard error: there is nothing to close here."
    return f"{nothing}{_pairs_needed(metrics)}"


def _pairs_needed(metrics: Mapping[str, Any]) -> str:
    """What the set could have shown, and how many pairs would show a gap that matters."""
    gaps = [place["gap"] for place in metrics["places"] if place["kind"] != "none"]
    gap = max((gap for gap in gaps if gap["standard_error"]), key=lambda gap: gap["value"], default=None)
    if gap is None:
        return ""
    number, points = metrics["num_pairs"], f"{100 * WORTH_SEEING:.0f} points"
    needed = number_to_see(WORTH_SEEING, gap["standard_error"], number)
    largest = (
        f"{decimal(100 * gap['value'], 1)} points, with a standard error of {decimal(100 * gap['standard_error'], 1)}"
    )
    more = f"About {count(needed)} pairs like these would show one of {points}; this set has {count(number)}."
    seen = f"One of {points} would have been seen."
    return f" The largest gap is {largest}. {seen if needed is not None and needed <= number else more}"


def _pool_sentence(metrics: Mapping[str, Any], pool: str) -> str:
    gap = metrics["pools"][pool]["mean_gap"]["value"]
    cost = f"Noise of kind {POOL_NAMES[pool]} costs {decimal(100 * gap, 1)} points"
    blind = part(metrics, "chosen", "pools", pool, "any")
    if blind and roles_of(metrics).get(blind["method"]) not in USABLE:
        return f"{cost}, and on half of the seeds nothing gained anything on plain training."
    if blind:
        chosen = f"{_named(metrics, blind['method'])}, chosen on half of the seeds,"
        if blind["verdict"] != "better":
            return f"{cost}; {chosen} is not clearly better than plain training on the others."
        return f"{cost}; {chosen} closes {_closes(blind['share'])} of that on the others."
    best = best_in_hindsight(metrics, pool)
    if best is None or best[1]["verdict"] != "better":
        return f"{cost}, and no method is clearly better than plain training."
    return f"{cost}; {_named(metrics, best[0])}, the best in hindsight, closes {_closes(best[1]['share'])} of that."


def _named(metrics: Mapping[str, Any], method: str) -> str:
    """``aum:drop (rival)``."""
    role = roles_of(metrics).get(method)
    return f"{method} ({role})" if role in USABLE else "plain training"


def _closes(share: Mapping[str, Any] | None) -> str:
    """``41% (33 to 49%)``."""
    if not share or not known(share["value"]):
        return "an unknown part"
    ends = f" ({percent_range(share['low'], share['high'])})" if known(share["low"]) and known(share["high"]) else ""
    return f"{percent(share['value'])}{ends}"


def chosen_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Pool, among which methods was chosen on the first seeds, the one chosen, its share and its gain on the others."""
    pools = part(metrics, "chosen", "pools") or {}
    rows = []
    for name in [column for column in pool_columns(metrics) if column in pools]:
        for among, words in (("ours", "ours"), ("any", "ours and rivals")):
            found = pools[name][among]
            share = {"share": found["share"], "verdict": found["verdict"]} if found["share"] else None
            rows.append((POOL_NAMES[name], words, found["method"], share_text(share), gain_text(found)))
    return rows


def measured(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was measured: terms and words."""
    cells = sum(len(metrics["seeds"]) for _ in metrics["places"])
    rows = [
        ("data", f"{count(metrics['num_pairs'])} pairs of {metrics['dataset_name']}"),
        *_trained(metrics),
        (
            "test",
            f"{percent(metrics['test_share'])} of the pairs, whole groups by {metrics['fold_by']}, labels untouched",
        ),
        (
            "audit",
            f"{metrics['num_judges']} judges a pair, folds by {metrics['audit_fold_by']}; it never sees the truth",
        ),
        ("seeds", f"{len(metrics['seeds'])}, each with its own split, noise and folds; {count(cells)} cells"),
        ("intervals", _intervals(metrics)),
    ]
    if left_out := _left_out(metrics):
        rows.append(("left out", left_out))
    return [*rows, ("time", f"{duration(metrics['seconds_a_cell'])} a cell, on one core (median)")]


def _trained(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What every arm trains, and how it chooses."""
    values = {"model": metrics["model"], "chosen_by": CHOSEN_BY[metrics["choose_by"]], **(metrics["forked"] or {})}
    return [(term, words.format(**values)) for term, words in TRAINERS[metrics["trainer"]].about]


def _intervals(metrics: Mapping[str, Any]) -> str:
    groups = f"{count(metrics['num_test_groups'])} groups that were tested on"
    if not metrics["enough_groups"]:
        return f"none: only {groups}"
    return f"95%, paired; bootstrap over {groups}, and over seeds"


def _left_out(metrics: Mapping[str, Any]) -> str:
    """Cells, and methods of cells, with the reasons; each reason once."""
    cells = [f"{cell['kind']} {cell['rate']:g}: {cell['skipped']}" for cell in metrics["skipped"]]
    methods = [f"{one['method']} at {one['kind']} {one['rate']:g}: {one['reason']}" for one in metrics["failed"]]
    return "; ".join(list(dict.fromkeys([*cells, *methods]))[:3])


def print_study(metrics: Mapping[str, Any], console: Console, report_path: str) -> None:
    width = min(console.width, TEXT_WIDTH)
    console.print()
    console.print(plain(metrics["title"], "bold"))
    console.print()
    console.print(plain(verdict(metrics)), width=width)
    console.print()
    console.print(_gaps(metrics))
    console.print()
    columns = pool_columns(metrics)
    if columns:
        console.print(
            "Share of the gap closed (+ clearly better, \N{MINUS SIGN} clearly worse than plain; clean set: points)",
            highlight=False,
        )
        console.print(_methods(metrics, columns, USABLE))
        console.print()
    for name, among, method, share, gain in chosen_rows(metrics):
        console.print(
            plain(f"{name}: {method}, chosen among {among} on half of the seeds; on the others {share}, {gain} points.")
        )
    console.print()
    console.print(Text.assemble(("Report  ", "bold"), plain(report_path)), soft_wrap=True)


def _gaps(metrics: Mapping[str, Any]) -> Table:
    table = Table("noise", "rate", "plain", "clean", "gap, points", box=None, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for place in metrics["places"]:
        arms = place["arms"]
        table.add_row(
            plain(KIND_NAMES[place["kind"]]),
            percent(place["share_turned"] if place["kind"] == "votes" else place["rate"]),
            *(decimal(arms[name]["accuracy"], 3) for name in (PLAIN, CLEAN)),
            gap_text(place["gap"]),
        )
    return table


def _methods(metrics: Mapping[str, Any], columns: list[str], roles: tuple[Role, ...]) -> Table:
    table = Table("method", *(POOL_NAMES[column] for column in columns), "clean set", box=None, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    rows = method_rows(metrics, roles)
    table.columns[0].min_width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        on_clean = row.on_clean.partition(" (")[0]
        table.add_row(plain(row.name, "" if row.role == "ours" else "dim"), *row.brief, on_clean)
    return table


def _total(metrics: Mapping[str, Any], columns: list[str], name: str) -> float:
    found: Any = part(metrics, "pools", columns[-1], "methods", name, "share", "value") if columns else None
    return float(found) if known(found) else -1e9
