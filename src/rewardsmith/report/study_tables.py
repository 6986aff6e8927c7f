"""The numbers of a noise study as words and tables, for the terminal and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rewardsmith.report.numbers import MISSING, count, decimal, duration, known, part, percent, percent_range
from rewardsmith.report.terminal import TEXT_WIDTH, plain

ROLES = ("ours", "rival", "diagnostic")
ROLE_NAMES = {"ours": "ours", "rival": "rival", "diagnostic": "diagnostic"}
POOL_NAMES = {
    "uniform": "uniform",
    "hard": "hard pairs",
    "longer": "longer wins",
    "clustered": "clustered",
    "structured": "structured",
    "all": "all kinds",
}
KIND_NAMES = {**POOL_NAMES, "none": "as it came", "votes": "single votes"}
CHOSEN_BY = {
    "given": "of every arm by the held-out likelihood of the given, noisy labels",
    "own": "of every arm by the held-out likelihood of its own labels, noisy or repaired",
}
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


def method_rows(metrics: Mapping[str, Any], roles: tuple[str, ...] = ROLES) -> list[MethodRow]:
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
    """``−0.3 (−0.6 to 0.1)`` points."""
    if not found or not known(found["gain"]["value"]):
        return MISSING
    gain = found["gain"]
    words = decimal(100 * gain["value"], 1)
    if known(gain["low"]) and known(gain["high"]):
        words += f" ({decimal(100 * gain['low'], 1)} to {decimal(100 * gain['high'], 1)})"
    return f"{words} {MARKS[found['verdict']]}".rstrip()


def gap_text(gap: Mapping[str, Any]) -> str:
    """A gap in points; in brackets where it does not exceed twice its standard error."""
    words = decimal(100 * gap["value"], 1)
    return words if gap["counts"] else f"({words})"


def verdict(metrics: Mapping[str, Any]) -> str:
    """What the study says, in one paragraph."""
    pools = metrics["pools"]
    if not pools:
        return "No planted noise made a gap that exceeds twice its standard error: there is nothing to close here."
    sentences = []
    for name in [column for column in pool_columns(metrics) if column != "all"]:
        best = _best(metrics, name)
        if best:
            sentences.append(_pool_sentence(pools[name], POOL_NAMES[name], *best))
    return " ".join([*sentences, _chosen_sentence(metrics)]).strip()


def _best(metrics: Mapping[str, Any], pool: str) -> tuple[str, Mapping[str, Any]] | None:
    roles = {method["name"]: method["role"] for method in metrics["methods"]}
    own = {name: found for name, found in metrics["pools"][pool]["methods"].items() if roles.get(name) == "ours"}
    return max(own.items(), key=lambda item: item[1]["share"]["value"]) if own else None


def _pool_sentence(pool: Mapping[str, Any], words: str, name: str, found: Mapping[str, Any]) -> str:
    gap, share = decimal(100 * pool["mean_gap"]["value"], 1), found["share"]
    if found["verdict"] != "better":
        return f"Noise of kind {words} costs {gap} points, and no method is clearly better than plain training."
    ends = f" ({percent_range(share['low'], share['high'])})" if known(share["low"]) and known(share["high"]) else ""
    return f"Noise of kind {words} costs {gap} points; {name} closes {percent(share['value'])} of that{ends}."


def _chosen_sentence(metrics: Mapping[str, Any]) -> str:
    found = part(metrics, "chosen", "pools", "all", "any")
    if not found:
        return ""
    gain = gain_text(found)
    return f"Chosen on the first half of the seeds: {found['method']}; on the other half it gains {gain} points."


def chosen_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Pool, method chosen among ours on the first seeds, its share and its gain on the others."""
    pools = part(metrics, "chosen", "pools") or {}
    rows = []
    for name in [column for column in POOL_NAMES if column in pools]:
        found = pools[name]["ours"]
        share = {"share": found["share"], "verdict": found["verdict"]} if found["share"] else None
        rows.append((POOL_NAMES[name], found["method"], share_text(share), gain_text(found)))
    return rows


def measured(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was measured: terms and words."""
    cells = sum(len(metrics["seeds"]) for _ in metrics["places"])
    rows = [
        ("data", f"{count(metrics['num_pairs'])} pairs of {metrics['dataset_name']}"),
        ("features", f"{metrics['model']}, frozen; every arm trains one head on them"),
        ("penalties", CHOSEN_BY[metrics["choose_by"]]),
        (
            "test",
            f"{percent(metrics['test_share'])} of the pairs, whole groups by {metrics['fold_by']}, labels untouched",
        ),
        (
            "audit",
            f"{metrics['num_judges']} judges a pair, folds by {metrics['audit_fold_by']}; it never sees the truth",
        ),
        ("seeds", f"{len(metrics['seeds'])}, each with its own split, noise and folds; {count(cells)} cells"),
        ("intervals", "95%, paired; bootstrap over test groups and seeds"),
    ]
    if metrics["skipped"]:
        rows.append(
            ("left out", "; ".join(f"{s['kind']} {s['rate']:g}: {s['skipped']}" for s in metrics["skipped"][:3]))
        )
    total = sum(metrics["timings"].values()) if metrics.get("timings") else None
    return [*rows, ("time", duration(total))] if total is not None else rows


def print_study(metrics: Mapping[str, Any], console: Console, report_path: str) -> None:
    """Writes the tables to ``console``."""
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
        console.print(_methods(metrics, columns, ("ours", "rival")))
        console.print()
    for name, method, share, gain in chosen_rows(metrics):
        console.print(
            plain(f"{name}: {method}, chosen on the first seeds, closes {share} on the others; gain {gain} points.")
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
            *(decimal(arms[name]["accuracy"], 3) for name in ("plain", "clean")),
            gap_text(place["gap"]),
        )
    return table


def _methods(metrics: Mapping[str, Any], columns: list[str], roles: tuple[str, ...]) -> Table:
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
