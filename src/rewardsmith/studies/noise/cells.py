"""One cell of the study: one kind of noise, one rate, one seed; every method on the same labels."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import RunError
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.metrics.calibration import negative_log_likelihood
from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.flips import FlipKind
from rewardsmith.studies.noise.arms import Arm, Trained, Trainer, TrainingTask
from rewardsmith.studies.noise.detectors import Detectors
from rewardsmith.studies.noise.methods import ORACLE, Method
from rewardsmith.studies.noise.options import ForkedJob
from rewardsmith.studies.noise.planting import flipped_labels, highest_rate, plant
from rewardsmith.studies.noise.repairs import make_arms, with_arms_for_search
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.studies.noise.trainers import TRAINERS
from rewardsmith.trials.cell_log import credits_as_text
from rewardsmith.trials.splits import split_by_group

Floats = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Cell:
    """Where a result belongs."""

    seed: int
    kind: FlipKind
    rate: float

    @property
    def key(self) -> str:
        """``uniform 0.2 seed 1``."""
        return f"{self.kind} {self.rate:g} seed {self.seed}"


@dataclass(frozen=True)
class CellOptions:
    """What is the same in every cell."""

    methods: tuple[Method, ...]
    test_share: float
    num_judges: int
    choose_by: Literal["given", "own"] = "given"
    trainer: str = "probe"
    forked: ForkedJob | None = None
    """What trainers of models need besides a cell."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CellOptions:
        """From what ``asdict`` made of one, and JSON of that."""
        methods, forked = tuple(Method(**method) for method in values["methods"]), values["forked"]
        return cls(**{**values, "methods": methods, "forked": forked and ForkedJob.of(forked)})


def cells_of(kinds: Sequence[FlipKind], rates: Sequence[float], seeds: Sequence[int]) -> list[Cell]:
    """Every cell, seed after seed. Rate 0 is the same for all kinds, and `votes` has no rate: one cell a seed each."""
    found = []
    for seed in seeds:
        found += [Cell(seed, "none", 0.0)] * (0.0 in rates)
        for kind in kinds:
            found += [Cell(seed, kind, 0.0)] if kind == "votes" else [Cell(seed, kind, rate) for rate in rates if rate]
    return found


def open_cells(given: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What a process needs to compute cells: the file of the pairs and the options."""
    pairs, options = StudyPairs.load(Path(given["pairs_file"])), CellOptions.of(given["options"])
    return lambda cell: run_cell(pairs, Cell(**cell), options)


def run_cell(pairs: StudyPairs, cell: Cell, options: CellOptions) -> dict[str, Any]:
    """Plants, audits, repairs, trains and tests: JSON-ready.

    ``skipped`` says why where the noise cannot be planted, ``failed`` which methods could not be made or trained.
    """
    started = time.monotonic()
    split = split_by_group(pairs.split_groups, options.test_share, cell.seed)
    reordered = sides(cell.seed, len(split.train))
    train = pairs.take(split.train).reordered(reordered)
    truth, tested = train.columns.target, pairs.columns.target[split.test]
    result: dict[str, Any] = {"kind": cell.kind, "rate": cell.rate, "seed": cell.seed}
    limit = highest_rate(cell.kind, train.columns)
    if cell.rate > limit:
        return {**result, "skipped": f"only {limit:.1%} of the labels can be flipped this way"}
    noisy = plant(cell.kind, train.columns, cell.rate, noise_rng(cell))
    detectors = Detectors(train, noisy, options.num_judges, cell.seed)
    task = TrainingTask(pairs, split, reordered, train, noisy, cell.seed, options.choose_by)
    trainer = TRAINERS[options.trainer].open(options.forked)(task)
    made, cannot_be_made = make_arms(options.methods, detectors, truth)
    arms, cannot_be_judged = with_arms_for_search(
        made, options.methods, detectors, truth, split.inner_fold, trainer.inner_folds
    )
    needed = {method.name for method in options.methods if method.role == "reference"}
    trained, cannot_be_trained = train_arms(trainer, arms, needed)
    return {
        **result,
        "num_train": len(truth),
        "num_test": len(split.test),
        "share_turned": float(flipped_labels(noisy, truth).mean()),
        "share_made_ties": float(((noisy == 0.5) & (truth != 0.5)).mean()),
        "audit": _found_by_audit(detectors, options.methods),
        "detectors": _found_by_detectors(detectors, truth, options.methods),
        "arms": {arm.name: _outcome(arm, trained[arm.name], truth, tested) for arm in arms if arm.name in trained},
        "failed": cannot_be_made | cannot_be_judged | cannot_be_trained,
        "seconds": round(time.monotonic() - started, 2),
    }


def noise_rng(cell: Cell) -> np.random.Generator:
    """The generator that plants the noise of a cell: another for every seed, kind and rate."""
    return np.random.default_rng([cell.seed, zlib.crc32(cell.kind.encode()), round(cell.rate * 10_000)])


def sides(seed: int, number: int) -> NDArray[np.bool_]:
    """Which training pairs get their responses in the other order: else the order, in which the true labels are mostly
    1, would tell what is wrong to whatever does not treat both sides alike."""
    return np.random.default_rng([seed, zlib.crc32(b"sides")]).random(number) < 0.5


def train_arms(
    trainer: Trainer, arms: Sequence[Arm], needed: Collection[str]
) -> tuple[dict[str, Trained], dict[str, str]]:
    """By name, and the reasons of those that cannot be trained; RunError where that is one of the ``needed``."""
    try:
        return {trained.name: trained for trained in trainer.train(arms)}, {}
    except RunError:  # of some arm: which one shows when each is trained alone
        done, failed = {}, {}
    for arm in arms:
        try:
            done[arm.name] = trainer.train([arm])[0]
        except RunError as error:
            if arm.name in needed:
                raise
            failed[arm.name] = str(error)
    return done, failed


def _outcome(arm: Arm, trained: Trained, truth: Floats, tested: Floats) -> dict[str, Any]:
    decided = tested != 0.5
    gaps, labels = trained.gaps[decided], tested[decided]
    credit = pair_credit(gaps, labels)
    supervision = arm.supervision
    kept = supervision.weight > 0
    return {
        "accuracy": float(credit.mean()) if len(credit) else None,
        "nll": negative_log_likelihood(trained.scale * gaps, labels) if len(gaps) else None,
        "choice": trained.choice,
        "at_end_of_grid": bool(trained.at_end_of_grid),
        "share_dropped": float(1 - kept.mean()),
        # How far what is trained on is from the truth: 0 is clean, 1 is all flipped.
        "label_error": float(np.average(np.abs(supervision.target - truth), weights=supervision.weight))
        if kept.any()
        else None,
        "credit": credits_as_text(credit),
    }


def _found_by_audit(detectors: Detectors, methods: Sequence[Method]) -> dict[str, Any]:
    noise = detectors.noise
    found: dict[str, Any] = {"noise": None}
    if noise:
        found["noise"] = {
            "value": noise.value,
            "low": noise.low,
            "high": noise.high,
            "identifiable": noise.identifiable,
        }
    if any(method.structured for method in methods):
        cells = detectors.structured[1]
        found["structured"] = cells and {
            "longer_rate": cells.longer_rate,
            "shorter_rate": cells.shorter_rate,
            "expected_wrong": float(np.nanmean(cells.p_wrong)),
        }
    return found


def _found_by_detectors(detectors: Detectors, truth: Floats, methods: Sequence[Method]) -> dict[str, Any]:
    """How well each detector that some method uses finds the planted labels."""
    names = {method.detector for method in methods if method.detector} - {ORACLE}
    wrong = flipped_labels(detectors.noisy, truth)
    decided = (detectors.noisy != 0.5) & (truth != 0.5)
    found = {}
    for name in sorted(names):
        suspicion, flagged = detectors.suspicion(name), detectors.flagged(name)
        area = auroc(suspicion[decided], wrong[decided])
        share = precision_recall(flagged[decided], wrong[decided])
        found[name] = {
            "auroc": area if np.isfinite(area) else None,
            **{key: share[key] for key in ("num_flagged", "precision", "recall", "f1")},
        }
    return found
