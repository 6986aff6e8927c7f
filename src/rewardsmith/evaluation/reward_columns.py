"""Rewards of rows as columns of a table, and their summary. Units: logits, which compare within a prompt only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.metrics.calibration import probability
from rewardsmith.preferences.streaming import Kind, ScoringRow

NOT_FINITE = "not_finite"
Floats = NDArray[np.float64]
_FLOATS = pa.list_(pa.float32())


def reward_schema(kind: Kind, num_members: int, probabilities: bool = False) -> pa.Schema:
    """Columns of the rewards of one kind of row. Bad rows have null rewards, a ``reason`` and a ``problem``.

    ``probabilities``: pairs also have P(chosen is the better response). With several members also their mean, spread
    (divisor M) and single rewards. ``best`` is the position of the highest reward in the row, the first of equal ones.
    """
    several = num_members > 1
    fields: list[tuple[str, Any]] = [("row", pa.int64())]
    if kind == "pair":
        names = ("reward_chosen", "reward_rejected")
        fields += [("pair_id", pa.string()), *((name, pa.float32()) for name in (*names, "gap"))]
        fields += [("probability", pa.float32())] * probabilities
        fields += [("gap_mean", pa.float32()), ("gap_std", pa.float32())] * several
        for name in names * several:
            fields += [(f"{name}_mean", pa.float32()), (f"{name}_std", pa.float32()), (f"{name}_members", _FLOATS)]
    elif kind == "response":
        fields += [("reward", pa.float32())]
        fields += [("reward_mean", pa.float32()), ("reward_std", pa.float32()), ("reward_members", _FLOATS)] * several
    else:
        fields += [("rewards", _FLOATS), ("best", pa.int32())]
        fields += [
            ("rewards_mean", _FLOATS),
            ("rewards_std", _FLOATS),
            ("rewards_members", pa.list_(_FLOATS)),
        ] * several
    return pa.schema([*fields, ("reason", pa.string()), ("problem", pa.string())])


@dataclass(frozen=True)
class _Rewards:
    """Of every conversation of a window: the aggregate [C], and the members' mean, spread [C] and rewards [C, M]."""

    aggregate: Floats
    mean: Floats
    std: Floats
    members: Floats


def reward_columns(
    kind: Kind,
    rows: Sequence[ScoringRow],
    members: NDArray[np.float32],
    aggregation: Aggregation,
    temperature: float | None = None,
) -> pa.Table:
    """The table (``reward_schema``) of some rows. ``members``: rewards [M, C] of all their conversations in order.

    ``temperature``: makes the gaps of pairs probabilities, sigmoid(gap / temperature).

    A row of which a reward is not a finite number gets the reason ``not_finite``.
    """
    values = np.where(np.isfinite(members), members, np.nan).astype(np.float64)
    rewards = _Rewards(aggregation(values), values.mean(0), values.std(0), values.T)
    sizes = np.array([len(row.conversations) for row in rows], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    finite = np.asarray(np.isfinite(values).all(0))
    schema = reward_schema(kind, len(members), temperature is not None)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for row, start, size in zip(rows, starts, sizes, strict=True):
        entry: dict[str, Any] = {"row": row.row, "pair_id": row.pair_id}
        if row.problem is not None:
            entry |= {"reason": row.problem.reason, "problem": f"{row.place}: {row.problem.message}"}
        elif not finite[start : start + size].all():
            entry |= {"reason": NOT_FINITE, "problem": f"{row.place}: a reward is not a finite number"}
        else:
            entry |= _entry(kind, rewards, slice(int(start), int(start + size)))
            if temperature is not None:
                entry["probability"] = float(probability(entry["gap"] / temperature))
        for name, column in columns.items():
            column.append(entry.get(name))
    return pa.table(columns, schema=schema)


def _entry(kind: Kind, rewards: _Rewards, place: slice) -> dict[str, Any]:
    aggregate, mean, std = rewards.aggregate[place], rewards.mean[place], rewards.std[place]
    members = rewards.members[place]
    if kind == "responses":
        best = int(aggregate.argmax())
        return {
            "rewards": aggregate, "best": best, "rewards_mean": mean, "rewards_std": std,
            "rewards_members": list(members),
        }  # fmt: skip
    if kind == "response":
        return {"reward": aggregate[0], "reward_mean": mean[0], "reward_std": std[0], "reward_members": members[0]}
    gaps = members[0] - members[1]
    entry = {"gap": aggregate[0] - aggregate[1], "gap_mean": gaps.mean(), "gap_std": gaps.std()}
    for side, name in enumerate(("reward_chosen", "reward_rejected")):
        entry |= {name: aggregate[side], f"{name}_mean": mean[side], f"{name}_std": std[side]}
        entry[f"{name}_members"] = members[side]
    return entry


def count_rewards(kind: Kind, table: pa.Table) -> dict[str, Any]:
    """Sums over the rows of a table, which ``summarise_counts`` puts together."""
    reasons = Counter(reason for reason in table.column("reason").to_pylist() if reason is not None)
    names = {"pair": ("reward_chosen", "reward_rejected"), "response": ("reward",), "responses": ("rewards",)}[kind]
    rewards = np.concatenate([_flat(table.column(name)) for name in names])
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
    if kind == "pair":
        gap = _flat(table.column("gap"))
        counts |= {"num_chosen_higher": int((gap > 0).sum()), "num_ties": int((gap == 0).sum()), "gaps": gap.sum()}
    return counts


def summarise_counts(kind: Kind, counts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a whole file from the counts of its parts. What is not defined is None."""

    def total(name: str) -> Any:
        return sum(part[name] for part in counts)

    reasons: Counter[str] = Counter()
    for part in counts:
        reasons.update(part["bad_rows_by_reason"])
    number = total("num_responses")
    mean = total("sum") / number if number else None
    summary = {name: total(name) for name in ("num_rows", "num_bad_rows", "num_responses", "num_cut")}
    summary |= {
        "bad_rows_by_reason": dict(reasons.most_common()),
        "mean_reward": mean,
        "std_reward": None if mean is None else max(0.0, total("squares") / number - mean**2) ** 0.5,
        "min_reward": min((part["lowest"] for part in counts if part["lowest"] is not None), default=None),
        "max_reward": max((part["highest"] for part in counts if part["highest"] is not None), default=None),
    }
    if kind == "pair":
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
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
