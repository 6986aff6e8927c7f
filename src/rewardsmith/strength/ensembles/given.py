"""The ``given`` ensemble: member scores that the rows already carry. They know nothing of labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import DataError
from rewardsmith.preferences.files.json_values import parse_json
from rewardsmith.strength.ensembles.ensemble import EnsembleInputs, Labels, MakeEnsemble, Targets, Truncation
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.rivals import Rival

BATCH_ROWS = 20_000
MIN_JUDGED = 20
ABSURD = 1_000
"""Times the median size of a member's gaps from which a gap is a fault of the file, such as a code for "missing"."""


class GivenEnsemble:
    """The same gaps whatever the labels are."""

    truncation: Truncation | None = None

    def __init__(self, inputs: EnsembleInputs) -> None:
        self._inputs = inputs

    def check(self) -> None:
        """A set without scores is refused where they are read."""

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        return self._judged

    def rejudge(self, rows: NDArray[np.int64], target: Targets, seed: int) -> Judgements | None:
        return None

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        return None

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        return []

    def finish(self) -> None:
        pass

    @cached_property
    def _judged(self) -> Judgements:
        return given_judgements(self._inputs.pairs, self._inputs.strength)


make_ensemble: MakeEnsemble = GivenEnsemble


def given_judgements(pairs: pa.Table, options: StrengthOptions) -> Judgements:
    """Gaps from two columns of lists, one reward a member, of each response.

    The members are taken as judges that did not train on the pairs; where ``crossfit`` is none, as members that did,
    as in the paper's released set. Underscores in the names also find spaces, which that set has. A missing or unequal
    list, a score that is not finite, and an absurd gap (said) give NaN. Raises DataError where no row has both lists.
    """
    keys = (options.given_chosen_key, options.given_rejected_key)
    blocks = [_block(batch, keys) for batch in pairs.select(["original"]).to_batches(BATCH_ROWS)]
    width = max((block.shape[1] for block in blocks), default=0)
    if width == 0:
        raise DataError(
            f"`ensemble` given: no row has lists of numbers in {keys[0]} and {keys[1]}. "
            "Name the columns with `given_chosen_key` and `given_rejected_key`."
        )
    gaps = np.full((len(pairs), width), np.nan, dtype=np.float32)
    start = 0
    for block in blocks:
        gaps[start : start + len(block), : block.shape[1]] = block
        start += len(block)
    _drop_absurd(gaps, pairs["row"])
    num_judged = int(((~np.isnan(gaps)).sum(axis=1) >= 2).sum())
    if num_judged < MIN_JUDGED:
        raise DataError(
            f"`ensemble` given: {num_judged} of {len(pairs)} pairs have finite scores of two or more members in "
            f"{keys[0]} and {keys[1]}; {MIN_JUDGED} are needed."
        )
    trained = np.full(gaps.shape, options.crossfit == "none")
    return Judgements(gaps, trained, ("given",) * width)


def _drop_absurd(gaps: NDArray[np.float32], rows: pa.ChunkedArray) -> None:
    """Sets gaps that would drown all others to NaN, and says which."""
    size = np.abs(gaps)
    usual = np.array([np.median(member[member > 0]) if (member > 0).any() else np.inf for member in size.T])
    absurd = size > ABSURD * usual
    if absurd.any():
        row, member = np.argwhere(absurd)[0]
        say(
            f"`ensemble` given: gaps over {ABSURD:,} times as large as their member's usual ones count as missing: "
            f"{absurd.sum()}, the first {gaps[row, member]:g}, of row {rows[row]}, member {member}."
        )
    gaps[absurd] = np.nan


def _block(batch: pa.RecordBatch, keys: tuple[str, str]) -> NDArray[np.float32]:
    rows = [parse_json(text) for text in batch.column(0).to_pylist()]
    differences = [_difference(*(row.get(key, row.get(key.replace("_", " "))) for key in keys)) for row in rows]
    width = max(map(len, differences), default=0)
    block = np.full((len(rows), width), np.nan, dtype=np.float32)
    for index, difference in enumerate(differences):
        block[index, : len(difference)] = difference
    return np.where(np.isfinite(block), block, np.nan)


def _difference(chosen: object, rejected: object) -> Sequence[float]:
    if not isinstance(chosen, list) or not isinstance(rejected, list) or len(chosen) != len(rejected):
        return ()
    try:
        return [float(c) - float(r) for c, r in zip(chosen, rejected, strict=True)]
    except (OverflowError, TypeError, ValueError):
        return ()
