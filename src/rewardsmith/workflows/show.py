"""``rewardsmith show``: pairs of an audit for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.errors import ConfigError
from rewardsmith.report.audit.pairs.doubtful import by_doubt
from rewardsmith.report.audit.pairs.pages import MARKS, pair_pages, print_page
from rewardsmith.report.binning import classes_of, numbers_of, strength_columns
from rewardsmith.report.terminal import plain, printable
from rewardsmith.workflows.inputs.audit_folder import AuditFolder, read_audit
from rewardsmith.workflows.options.show import ShowConfig

MOST_NAMES = 12
ORDERS = {
    "doubt": "most doubtful first",
    "closeness": "strength nearest to 0 first",
}
SAID = {
    "labels_judged": "",
    "reading_order": "p_wrong ranks these pairs for reading; no label is called wrong.",
    "cannot_tell": "This audit cannot tell which labels are wrong: these pairs are in no trustworthy order.",
}


@dataclass(frozen=True, repr=False)
class ShowResult:
    """The pairs that were asked for, in their order."""

    audit: AuditFolder
    asked: ShowConfig
    matching: NDArray[np.int64]
    """Positions of all that fit, in order; ``asked.top`` of them are shown."""

    @property
    def shown(self) -> NDArray[np.int64]:
        return self.matching[: self.asked.top]

    def __repr__(self) -> str:
        return f"ShowResult({self.audit.path}: {len(self.shown):,} of {len(self.matching):,} pairs)"

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document; texts are whole."""
        audit, asked = self.audit, self.asked
        pages = pair_pages(audit.pairs, audit.strengths, audit.metrics, self.shown)
        return {
            "audit_dir": str(audit.path),
            "dataset_name": audit.metrics["dataset_name"],
            "claim": audit.metrics["claim"],
            "asked": {"class": asked.class_, "category": asked.category, "row": asked.row, "top": asked.top},
            "num_pairs": len(audit.pairs),
            "num_matching": len(self.matching),
            "classes": class_counts(audit),
            "categories": category_counts(audit),
            "pairs": [page.document() for page in pages],
        }

    def print(self, console: Any) -> None:
        """The pairs for a reader, on a rich console."""
        audit, asked, number = self.audit, self.asked, len(self.shown)
        console.print(plain(f"{audit.metrics['title']}: {self._headline()}", "bold"))
        if said := SAID[audit.metrics["claim"]["level"]]:
            console.print(said, style="yellow", highlight=False)
        console.print()
        pages = pair_pages(audit.pairs, audit.strengths, audit.metrics, self.shown)
        printed = [print_page(page, console, asked.full) for page in pages]
        if not number:
            console.print(plain(f"{_there_is('Classes', class_counts(audit))} {_categories(audit)}".strip()))
        more = len(self.matching) - number
        hints = [f"{more:,} more: pass a larger --top."] if more else []
        hints += ["Texts are cut: --full shows them whole."] if any(page.is_cut for page in printed) else []
        if any(page.has_marks for page in printed):
            hints.append("Marked: {}only in chosen{}, {}only in rejected{}.".format(*MARKS[0], *MARKS[1]))
        if hints:
            console.print(" ".join(hints), style="dim", highlight=False)

    def _headline(self) -> str:
        asked, number, matching = self.asked, len(self.shown), len(self.matching)
        if asked.row is not None:
            return f"row {asked.row} of the input"
        of = [f"of class {asked.class_}"] if asked.class_ else []
        of += [f"of category {asked.category}"] if asked.category is not None else []
        kind = " ".join(["pairs", *of])
        if not matching:
            return f"no {kind}"
        order = ORDERS["closeness" if asked.class_ == "ambiguous" else "doubt"]
        return f"{number:,} of {matching:,} {kind}, {order}"


def run_show(config: ShowConfig) -> ShowResult:
    """Selects pairs. ``ConfigError`` for a class, category or row that the audit does not know."""
    if config.top < 1:
        raise ConfigError(f"--top {config.top} must be at least 1.")
    if config.row is not None and (config.class_ is not None or config.category is not None):
        raise ConfigError(f"--row {config.row} names one pair: leave out --class and --category.")
    audit = read_audit(config.audit_dir)
    if config.row is not None:
        return ShowResult(audit, config, _position_of(config.row, audit))
    return ShowResult(audit, config, _matching(config, audit))


def _matching(config: ShowConfig, audit: AuditFolder) -> NDArray[np.int64]:
    """Positions by falling p_wrong, those without one last; ambiguous pairs by their distance from 0."""
    order, p_wrong = strength_columns(audit.strengths)[0], numbers_of(audit.strengths, "p_wrong")
    order = -np.abs(order) if config.class_ == "ambiguous" else p_wrong
    ranked = by_doubt(order)
    ranked = np.concatenate([ranked, np.setdiff1d(np.arange(len(order)), ranked)])
    fits = np.ones(len(order), dtype=bool)
    if config.class_ is not None:
        if config.class_ not in STRENGTH_CLASSES:
            raise _unknown("class", config.class_, class_counts(audit))
        fits &= classes_of(audit.strengths) == STRENGTH_CLASSES.index(config.class_)
    if config.category is not None:
        counts = category_counts(audit)
        if config.category not in counts:
            raise _unknown("category", config.category, counts)
        fits &= pc.fill_null(pc.equal(audit.pairs["category"], config.category), False).to_numpy()
    return ranked[fits[ranked]]


def _position_of(row: int, audit: AuditFolder) -> NDArray[np.int64]:
    rows = audit.pairs["row"].to_numpy()
    found = np.flatnonzero(rows == row)
    if found.size:
        return found
    for bad in audit.quarantine:
        if bad["row"] == row:
            raise ConfigError(f"--row {row} is no pair: it was quarantined ({printable(bad['message'])}).")
    if not rows.size:
        raise ConfigError(f"--row {row}: this audit has no pairs.")
    near = rows[np.abs(rows - row).argmin()]
    raise ConfigError(
        f"--row {row} is not in this audit: its {len(rows):,} pairs are of rows {rows.min()} to {rows.max()} of the "
        f"input, counted from 0. Did you mean --row {near}?"
    )


def class_counts(audit: AuditFolder) -> dict[str, int]:
    """Pairs of each class; all 0 where the audit cannot tell."""
    classes = classes_of(audit.strengths)
    return {name: int((classes == index).sum()) for index, name in enumerate(STRENGTH_CLASSES)}


def category_counts(audit: AuditFolder) -> dict[str, int]:
    """Pairs of each category, the largest first."""
    counts = audit.pairs["category"].drop_null().value_counts().to_pylist()
    return dict(Counter({found["values"]: found["counts"] for found in counts}).most_common())


def _unknown(option: str, value: str, counts: Mapping[str, int]) -> ConfigError:
    what = "classes" if option == "class" else "categories"
    if not counts:
        return ConfigError(f"--{option} {value!r}: this set has no {what}.")
    there_is = _there_is(what.capitalize(), counts)
    return ConfigError(f"--{option} {value!r} is none of the {what}.{printable(suggest(value, counts))} {there_is}")


def _categories(audit: AuditFolder) -> str:
    counts = category_counts(audit)
    return _there_is("Categories", counts) if counts else ""


def _there_is(what: str, counts: Mapping[str, int]) -> str:
    """``Classes: ambiguous 43, normal 598.``"""
    named = [f"{printable(name)} {number:,}" for name, number in list(counts.items())[:MOST_NAMES]]
    rest = len(counts) - len(named)
    return f"{what}: {', '.join(named)}" + (f" and {rest:,} more." if rest else ".")
