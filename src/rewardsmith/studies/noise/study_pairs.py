"""All that a study needs to know of a preference set, as arrays: one file that every process reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file

from rewardsmith.artifacts.files.atomic import atomic_path
from rewardsmith.artifacts.files.tensor_files import write_tensors
from rewardsmith.errors import DataError
from rewardsmith.preferences.simulation.flips import FlipKind
from rewardsmith.strength.ensembles.crossfit import fold_groups, independent_groups
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.ensembles.probe import Advance, probe_judgements
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import PairStructure, clusters_of, longer_side, response_codes
from rewardsmith.studies.noise.options import NoiseStudyOptions
from rewardsmith.trials.splits import NUM_INNER_FOLDS, split_by_group

TRUTH_SEED = 20_000
"""Begins the seeds of the judges that are asked how close a pair is: none of a study's own."""
MIN_PAIRS = 200
GROUPS = ("split_groups", "fold_groups", "responses", "drawn_together")

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PairColumns:
    """What planting may know of N pairs; ``target`` is taken for the truth."""

    target: Floats
    belief: Floats
    """P(the label is right) in the eyes of judges of the clean set."""
    longer: Floats
    """1 where chosen is the longer response, -1 where rejected is, 0 where they are as long."""
    clusters: Indices
    votes: Floats
    """[N, 3]: votes for chosen, for rejected, for a tie; NaN without."""

    def take(self, rows: Indices) -> PairColumns:
        return PairColumns(*(getattr(self, field.name)[rows] for field in fields(self)))

    def reordered(self, which: Mask) -> PairColumns:
        """The same with the two responses of some pairs [N] in the other order."""
        return replace(
            self,
            target=np.where(which, 1 - self.target, self.target),
            longer=np.where(which, -self.longer, self.longer),
            votes=np.where(which[:, None], self.votes[:, [1, 0, 2]], self.votes),
        )


@dataclass(frozen=True)
class StudyPairs:
    """N pairs in the order of the input; ``chosen`` is what the input calls chosen."""

    designs: list[Design]
    columns: PairColumns
    split_groups: NDArray[np.int64]
    """Wholly in training or wholly in the test."""
    fold_groups: NDArray[np.int64]
    """What judges of training labels leave out together."""
    responses: NDArray[np.int64]
    """[N, 2]: a number for each distinct response (with its prompt) on the chosen and the rejected side."""
    drawn_together: NDArray[np.int64]
    """Groups [N] that the bootstrap draws as one: prompts, or what splits keep whole where that is more."""
    categories: tuple[str, ...] | None = None
    """Names of ``columns.clusters``, empty for none; None where these are no categories."""

    def __len__(self) -> int:
        return len(self.split_groups)

    @property
    def widest(self) -> Design:
        """The design with the most columns: what the arms of a study train on."""
        return max(self.designs, key=lambda design: design.rows.shape[1])

    @property
    def structure(self) -> PairStructure:
        """What the structured audit knows of them."""
        return PairStructure(
            self.columns.longer, self.columns.clusters, self.fold_groups, self.drawn_together, self.responses
        )

    @property
    def category(self) -> list[str | None]:
        names = self.categories
        return [names[code] or None if names else None for code in self.columns.clusters]

    def take(self, rows: Indices) -> StudyPairs:
        """Some of the pairs, with groups numbered anew."""
        index = torch.from_numpy(rows)
        return StudyPairs(
            [Design(design.candidate, design.rows[index]) for design in self.designs],
            self.columns.take(rows),
            _renumbered(self.split_groups[rows]),
            _renumbered(self.fold_groups[rows]),
            _renumbered(self.responses[rows]),
            self.drawn_together[rows],
            self.categories,
        )

    def reordered(self, which: Mask) -> StudyPairs:
        """The same with the two responses of some pairs [N] in the other order."""
        sign = torch.from_numpy(np.where(which, -1.0, 1.0))[:, None]
        return replace(
            self,
            designs=[Design(design.candidate, design.rows * sign.to(design.rows)) for design in self.designs],
            columns=self.columns.reordered(which),
            responses=np.where(which[:, None], self.responses[:, ::-1], self.responses),
        )

    def save(self, path: Path) -> None:
        """Writes one safetensors file, atomically."""
        arrays = {name: getattr(self, name) for name in GROUPS}
        arrays |= {f"columns.{field.name}": getattr(self.columns, field.name) for field in fields(PairColumns)}
        tensors = {name: torch.tensor(value) for name, value in arrays.items()}  # copies: some may be one array
        tensors |= {f"design.{i}": design.rows.contiguous() for i, design in enumerate(self.designs)}
        with atomic_path(path) as temporary:
            write_tensors(temporary, tensors, {"categories": json.dumps(self.categories)})

    @classmethod
    def load(cls, path: Path) -> StudyPairs:
        tensors = load_file(path)
        number = sum(name.startswith("design.") for name in tensors)
        designs = [Design(Candidate(str(i), ()), tensors[f"design.{i}"]) for i in range(number)]
        columns = PairColumns(*(tensors[f"columns.{field.name}"].numpy() for field in fields(PairColumns)))
        split, folds, responses, together = (tensors[name].numpy() for name in GROUPS)
        with safe_open(path, "pt") as file:
            names = json.loads(file.metadata()["categories"])
        return cls(designs, columns, split, folds, responses, together, names and tuple(names))


def study_pairs(
    pairs: pa.Table,
    designs: list[Design],
    options: NoiseStudyOptions,
    seed: int = 0,
    advance: Advance = lambda _: None,
) -> StudyPairs:
    """From a table of pairs. A cross-fitted ensemble on the clean labels says how close each pair is.

    Clusters are categories; where there are fewer than two, they are split groups.
    """
    target = pairs["target"].to_numpy().astype(np.float64)
    groups, clusters = fold_groups(pairs, options.audit_fold_by), clusters_of(pairs)
    columns = PairColumns(
        target=target,
        belief=clean_belief(designs, target, groups, TRUTH_SEED + seed, advance),
        longer=longer_side(pairs),
        clusters=clusters.codes,
        votes=votes_of(pairs),
    )
    split_groups, together = fold_groups(pairs, options.fold_by), independent_groups(pairs, options.fold_by)
    return StudyPairs(designs, columns, split_groups, groups, response_codes(pairs), together, clusters.categories)


def clean_belief(
    designs: Sequence[Design],
    target: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
    advance: Advance = lambda _: None,
) -> NDArray[np.float64]:
    """P(the label is right) [N] by judges that did not see it, from the labels as they came."""
    judged = probe_judgements(designs, target.astype(np.float32), groups, StrengthOptions(num_judges=4), seed, advance)
    gap = as_labelled(judged.held_out().mean, target)
    decided = target != 0.5
    noise = estimate_label_noise(gap[decided], groups[decided])
    return np.full(len(target), 0.5) if noise is None else noise.belief(gap)


def votes_of(pairs: pa.Table) -> Floats:
    """[N, 3]: votes for chosen, for rejected, for a tie; NaN without."""
    votes = [pairs[f"votes_{side}"].cast(pa.float64()).to_numpy() for side in ("chosen", "rejected", "tie")]
    return np.stack(votes, axis=1)


def check_set(pairs: pa.Table, kinds: Sequence[FlipKind], options: NoiseStudyOptions, seeds: Sequence[int]) -> None:
    """Whether a set is enough for a study with every one of its seeds: asked before anything costly is done.

    Raises DataError for too few pairs, too few groups to train, judge or test on, and votes that are missing.
    """
    if len(pairs) < MIN_PAIRS:
        raise DataError(f"{len(pairs)} pairs are too few for a study, which needs {MIN_PAIRS} or more.")
    groups, judged = fold_groups(pairs, options.fold_by), fold_groups(pairs, options.audit_fold_by)
    together, voted = independent_groups(pairs, options.fold_by), np.nan_to_num(votes_of(pairs)).sum(axis=1) > 0
    num_folds = StrengthOptions().num_folds
    tested: set[int] = set()
    for seed in seeds:
        split = split_by_group(groups, options.test_share, seed)
        tested.update(together[split.test].tolist())
        number = min(len(np.unique(judged[split.train[split.inner_fold != fold]])) for fold in range(NUM_INNER_FOLDS))
        if number < num_folds:
            raise DataError(
                f"Seed {seed} leaves {number} groups to train on, beside those that test and those that choose "
                f"(`audit_fold_by` {options.audit_fold_by}); judges of their labels need {num_folds} or more. Keep "
                f"less together (`audit_fold_by` pair), or lower `test_share` {options.test_share:g}."
            )
        if "votes" in kinds and not voted[split.train].any():
            raise DataError(
                f"`kinds` votes: with seed {seed}, no pair to train on carries votes. Leave the kind out, or name the "
                "columns of the votes."
            )
    if len(tested) < 2:
        raise DataError(
            f"All seeds test on one and the same group (`fold_by` {options.fold_by}), which says nothing of others. "
            "Keep less together (`fold_by` prompt), or raise `test_share` or `num_seeds`."
        )


def _renumbered(codes: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(codes.shape), dtype=np.int64)
