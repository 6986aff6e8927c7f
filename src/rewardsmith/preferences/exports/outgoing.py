"""Pairs on their way out: who reads them in what form, the better response first, and a count of what is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.artifacts.files.atomic import write_jsonl

_SIDES = (("chosen", "rejected"), ("votes_chosen", "votes_rejected"), ("score_chosen", "score_rejected"))
_SIGNED = ("margin", "strength_mean")


@dataclass(frozen=True)
class Export:
    """The form in which one consumer reads preferences."""

    name: str
    """Value of ``to``."""
    consumer: str
    """What trains on it, in a few words."""
    reads: frozenset[str]
    """Those of target, margin and weight that the consumer uses."""
    write: Callable[[pa.Table, Path, str], None]
    """Writes oriented pairs to a file, or into a folder that exists. The text is the set's name."""
    hint: str
    """How the consumer is told to read it; ``{path}`` and ``{name}`` are filled in."""
    is_folder: bool = False
    takes_roles: Callable[[Sequence[str]], bool] | None = None
    """Whether the consumer takes a prompt whose turns have these roles; None: it takes all."""
    takes_extra: bool = True
    """Whether its messages hold tool calls and reasoning beside their text."""


@dataclass(frozen=True)
class Outgoing:
    """What leaves, and what happened to the rest: ``num_pairs == pairs.num_rows + sum(left_out.values())``."""

    pairs: pa.Table
    """Oriented: ``target`` is at least 0.5 everywhere."""
    num_pairs: int
    num_swapped: int
    """Written pairs whose responses changed places."""
    left_out: dict[str, int]
    """Reason -> pairs: ``weight_0``, ``tie``, ``prompt`` (the consumer cannot hold the turns of the prompt), ``extra``
    (nor what stands beside a text)."""
    not_expressed: dict[str, int]
    """Column -> written pairs for which the consumer does not know it: it trains on them as if it had its default."""


def one_file(rows: Callable[[pa.Table], Iterable[dict[str, Any]]]) -> Callable[[pa.Table, Path, str], None]:
    """``Export.write`` for a consumer that reads one file of JSON Lines."""

    def write(pairs: pa.Table, path: Path, name: str) -> None:
        write_jsonl(path, rows(pairs))

    return write


def outgoing(pairs: pa.Table, export: Export, keep_ties: bool = False) -> Outgoing:
    """The pairs that a consumer gets. A pair that could be left out for several reasons counts under the first."""
    kept = np.ones(pairs.num_rows, dtype=np.bool_)
    left_out: dict[str, int] = {}
    for reason, leaves in (
        ("weight_0", pairs["weight"].to_numpy() == 0),
        ("tie", _ties(pairs) & (not keep_ties)),
        ("prompt", ~_takes_prompt(pairs, export)),
        ("extra", _has_extra(pairs) & (not export.takes_extra)),
    ):
        left_out[reason] = int((kept & leaves).sum())
        kept &= ~leaves
    leaving = pairs.filter(pa.array(kept))
    written = oriented(leaving)
    differs = {
        "target": written["target"].to_numpy() != 1,
        "margin": written["margin"].to_numpy() != 0,
        "weight": written["weight"].to_numpy() != 1,
    }
    return Outgoing(
        pairs=written,
        num_pairs=pairs.num_rows,
        num_swapped=int(_swapped(leaving).sum()),
        left_out=left_out,
        not_expressed={name: int(rows.sum()) for name, rows in differs.items() if name not in export.reads},
    )


def oriented(pairs: pa.Table) -> pa.Table:
    """The pairs with the responses of those whose target is under 0.5 in each other's place; ties keep their order.

    Target, margin, votes, scores and mean strength turn along, so every loss of the pairs stays what it was:
    L(c, r, t, m) = L(r, c, 1 - t, -m). A ledger's ``swapped`` is spent, and left out.
    """
    swapped = pa.array(_swapped(pairs))
    columns = {name: pairs[name] for name in pairs.column_names if name != "swapped"}
    for one, other in _SIDES:
        if one in columns:
            columns[one], columns[other] = (
                _either(swapped, columns[other], columns[one]),
                _either(swapped, columns[one], columns[other]),
            )
    for name in _SIGNED:
        if name in columns:
            columns[name] = _either(swapped, pc.negate(columns[name]), columns[name])
    target = columns["target"]
    columns["target"] = _either(swapped, pc.subtract(pa.scalar(1, target.type), target), target)
    return pa.table(columns)


def _either(swapped: pa.BooleanArray, where: pa.ChunkedArray, elsewhere: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(swapped, where, elsewhere)


def _swapped(pairs: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(pairs["target"].to_numpy() < 0.5)


def _ties(pairs: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(pairs["target"].to_numpy() == 0.5)


def _takes_prompt(pairs: pa.Table, export: Export) -> NDArray[np.bool_]:
    if export.takes_roles is None:
        return np.ones(pairs.num_rows, dtype=np.bool_)
    takes: dict[tuple[str, ...], bool] = {}
    found = []
    for prompt in pairs["prompt"].to_pylist():
        roles = tuple(message["role"] for message in prompt)
        found.append(takes.setdefault(roles, export.takes_roles(roles)))
    return np.array(found, dtype=np.bool_)


def _has_extra(pairs: pa.Table) -> NDArray[np.bool_]:
    """Rows with a message that holds more than its role and its content."""
    found = np.zeros(pairs.num_rows, dtype=np.bool_)
    for side in _SIDES[0] + ("prompt",):
        messages = pairs[side].combine_chunks()
        if messages.type.value_type.get_field_index("extra") < 0:  # a ledger of an earlier version
            continue
        has = pc.is_valid(pc.struct_field(pc.list_flatten(messages), "extra"))
        found[pc.list_parent_indices(messages).filter(has).to_numpy()] = True
    return found
