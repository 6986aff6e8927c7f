"""Rewards of rows as columns of a table, and their summary. Units: logits, which compare within a prompt only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.score import RewardCounts
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.metrics.calibration import probability
from rewardsmith.preferences.problems import REFUSED_BY_MODEL, BadRowError
from rewardsmith.preferences.unlabelled.streaming import Kind, ScoringRow

NOT_FINITE = "not_finite"
Floats = NDArray[np.float64]
Fields = list[tuple[str, Any]]
_FLOATS = pa.list_(pa.float32())


@dataclass(frozen=True)
class _Rewards:
    """Of C conversations: the aggregate, the members' mean and spread [C], and their rewards [C, M]."""

    aggregate: Floats
    mean: Floats
    std: Floats
    members: Floats

    def __getitem__(self, place: slice) -> _Rewards:
        return _Rewards(self.aggregate[place], self.mean[place], self.std[place], self.members[place])


@dataclass(frozen=True)
class RowForm:
    """How rows of one kind show their rewards."""

    names: tuple[str, ...]
    """Columns of rewards."""
    fields: Callable[[bool, bool], Fields]
    """Columns, by whether there are several members and whether probabilities are wanted."""
    entry: Callable[[_Rewards], dict[str, Any]]
    """The values of one row; those that have no column are dropped."""
    has_gap: bool = False


def _pair_fields(several: bool, probabilities: bool) -> Fields:
    names = ROW_FORMS["pair"].names
    fields: Fields = [("pair_id", pa.string()), *((name, pa.float32()) for name in (*names, "gap"))]
    fields += [("probability", pa.float32())] * probabilities
    fields += [("gap_mean", pa.float32()), ("gap_std", pa.float32())] * several
    for name in names * several:
        fields += [(f"{name}_mean", pa.float32()), (f"{name}_std", pa.float32()), (f"{name}_members", _FLOATS)]
    return fields


def _pair_entry(rewards: _Rewards) -> dict[str, Any]:
    aggregate, members = rewards.aggregate, rewards.members
    gaps = members[0] - members[1]
    entry = {"gap": aggregate[0] - aggregate[1], "gap_mean": gaps.mean(), "gap_std": gaps.std()}
    for side, name in enumerate(ROW_FORMS["pair"].names):
        entry |= {name: aggregate[side], f"{name}_mean": rewards.mean[side], f"{name}_std": rewards.std[side]}
        entry[f"{name}_members"] = members[side]
    return entry


def _response_fields(several: bool, _: bool) -> Fields:
    of_members = [("reward_mean", pa.float32()), ("reward_std", pa.float32()), ("reward_members", _FLOATS)]
    return [("reward", pa.float32()), *of_members * several]


def _response_entry(rewards: _Rewards) -> dict[str, Any]:
    return {
        "reward": rewards.aggregate[0],
        "reward_mean": rewards.mean[0],
        "reward_std": rewards.std[0],
        "reward_members": rewards.members[0],
    }


def _responses_fields(several: bool, _: bool) -> Fields:
    of_members = [("rewards_mean", _FLOATS), ("rewards_std", _FLOATS), ("rewards_members", pa.list_(_FLOATS))]
    return [("rewards", _FLOATS), ("best", pa.int32()), *of_members * several]


def _responses_entry(rewards: _Rewards) -> dict[str, Any]:
    return {
        "rewards": _or_null(rewards.aggregate),
        "best": int(np.nanargmax(rewards.aggregate)),
        "rewards_mean": _or_null(rewards.mean),
        "rewards_std": _or_null(rewards.std),
        "rewards_members": [None if np.isnan(one).all() else one for one in rewards.members],
    }


def _or_null(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


ROW_FORMS: dict[Kind, RowForm] = {
    "pair": RowForm(("reward_chosen", "reward_rejected"), _pair_fields, _pair_entry, has_gap=True),
    "response": RowForm(("reward",), _response_fields, _response_entry),
    "responses": RowForm(("rewards",), _responses_fields, _responses_entry),
}


def reward_schema(kind: Kind, num_members: int, probabilities: bool = False) -> pa.Schema:
    """Columns of the rewards of one kind of row. Bad rows have null rewards, a ``reason`` and a ``problem``.

    ``probabilities``: pairs also have P(chosen is the better response). With several members also their mean, spread
    (divisor M) and single rewards. ``best`` is the position of the highest reward in the row, the first of equal ones.
    """
    own = ROW_FORMS[kind].fields(num_members > 1, probabilities)
    return pa.schema([("row", pa.int64()), *own, ("reason", pa.string()), ("problem", pa.string())])


def reward_columns(
    kind: Kind,
    rows: Sequence[ScoringRow],
    members: NDArray[np.float32],
    aggregation: Aggregation,
    temperature: float | None = None,
    refused: Mapping[int, str] = {},
) -> pa.Table:
    """The table (``reward_schema``) of some rows. ``members``: rewards [M, C] of all their conversations in order.

    ``temperature``: makes the gaps of pairs probabilities, sigmoid(gap / temperature). ``refused``: places among the
    conversations that the scorer does not take, with the reason. Among several responses those and missing ones have a
    null reward, and the others theirs. A row of which a reward is not a finite number gets the reason ``not_finite``.
    """
    values = np.where(np.isfinite(members), members, np.nan).astype(np.float64)
    rewards = _Rewards(aggregation(values), values.mean(0), values.std(0), values.T)
    sizes = np.array([len(row.conversations) for row in rows], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    finite = np.asarray(np.isfinite(values).all(0))
    form = ROW_FORMS[kind]
    schema = reward_schema(kind, len(members), temperature is not None)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row, start, size in zip(rows, starts, sizes, strict=True):
        entry: dict[str, Any] = {"row": row.row, "pair_id": row.pair_id}
        problem = row.problem or _problem(kind, row, int(start), finite, refused)
        if problem is not None:
            entry |= {"reason": problem.reason, "problem": f"{row.place}: {problem.message}"}
        else:
            entry |= form.entry(rewards[int(start) : int(start + size)])
            if temperature is not None:
                entry["probability"] = float(probability(entry["gap"] / temperature))
        for name, column in columns.items():
            column.append(entry.get(name))
    return pa.table(columns, schema=schema)


def _problem(
    kind: Kind, row: ScoringRow, start: int, finite: NDArray[np.bool_], refused: Mapping[int, str]
) -> BadRowError | None:
    """Why a row has no reward. ``start``: place of its first conversation."""
    places = range(start, start + len(row.conversations))
    lost = [place for place in places if place in refused]
    expected = [place for place in places if row.conversations[place - start] is not None and place not in refused]
    if not finite[expected].all():
        return BadRowError(NOT_FINITE, "a reward is not a finite number")
    if lost and (kind != "responses" or not expected):
        return BadRowError(REFUSED_BY_MODEL, refused[lost[0]])
    return None


def count_rewards(kind: Kind, table: pa.Table) -> dict[str, Any]:
    """Sums over the rows of a table, which ``summarise_counts`` puts together."""
    reasons = Counter(reason for reason in table.column("reason").to_pylist() if reason is not None)
    form = ROW_FORMS[kind]
    rewards = np.concatenate([_flat(table.column(name)) for name in form.names])
    counts: dict[str, Any] = {
        "num_rows": len(table),
        "num_bad_rows": sum(reasons.values()),
        "bad_rows_by_reason": dict(reasons),
        "num_responses": len(rewards),
        "sum": float(rewards.sum()),
        "squares": float(np.square(rewards).sum()),
        "lowest": float(rewards.min()) if len(rewards) else None,
        "highest": float(rewards.max()) if len(rewards) else None,
    }
    if form.has_gap:
        gap = _flat(table.column("gap"))
        counts |= {"num_chosen_higher": int((gap > 0).sum()), "num_ties": int((gap == 0).sum()), "gaps": gap.sum()}
    return counts


def summarise_counts(kind: Kind, counts: Sequence[dict[str, Any]]) -> RewardCounts:
    """Numbers of a whole file from the counts of its parts. What is not defined is None."""

    def total(name: str) -> Any:
        return sum(part[name] for part in counts)

    reasons: Counter[str] = Counter()
    for part in counts:
        reasons.update(part["bad_rows_by_reason"])
    number = total("num_responses")
    mean = total("sum") / number if number else None
    summary: RewardCounts = {
        "num_rows": total("num_rows"),
        "num_bad_rows": total("num_bad_rows"),
        "num_responses": total("num_responses"),
        "num_cut": total("num_cut"),
        "bad_rows_by_reason": dict(reasons.most_common()),
        "mean_reward": mean,
        "std_reward": None if mean is None else max(0.0, total("squares") / number - mean**2) ** 0.5,
        "min_reward": min((part["lowest"] for part in counts if part["lowest"] is not None), default=None),
        "max_reward": max((part["highest"] for part in counts if part["highest"] is not None), default=None),
    }
    if ROW_FORMS[kind].has_gap:
        pairs = summary["num_rows"] - summary["num_bad_rows"]
        decided = pairs - total("num_ties")
        summary |= {
            "num_pairs": pairs,
            "num_ties": total("num_ties"),
            "share_chosen_higher": total("num_chosen_higher") / decided if decided else None,
            "gap_mean": total("gaps") / pairs if pairs else None,
        }
    return summary


def _flat(column: pa.ChunkedArray) -> Floats:
    values = column.combine_chunks().drop_null()
    if pa.types.is_list(values.type):
        values = values.flatten().drop_null()
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
