"""All that a study needs to know of a preference set, as arrays: one file that every process reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rewardsmith.artifacts.atomic import atomic_path
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.strength.design import Candidate, Design
from rewardsmith.strength.judgements import as_labelled
from rewardsmith.strength.label_noise import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import PairStructure, clusters_of, longer_side, response_codes
from rewardsmith.strength.probe import Advance, probe_judgements
from rewardsmith.studies.noise.options import NoiseStudyOptions
from rewardsmith.studies.noise.planting import Facts

TRUTH_SEED = 20_000
"""Begins the seeds of the judges that are asked how close a pair is: none of a study's own."""
GROUPS = ("split_groups", "fold_groups", "responses", "drawn_together")


@dataclass(frozen=True)
class StudyPairs:
    """N pairs in the order of the input; ``chosen`` is what the input calls chosen."""

    designs: list[Design]
    facts: Facts
    split_groups: NDArray[np.int64]
    """Wholly in training or wholly in the test."""
    fold_groups: NDArray[np.int64]
    """What judges of training labels leave out together."""
    responses: NDArray[np.int64]
    """[N, 2]: a number for each distinct response (with its prompt) on the chosen and the rejected side."""
    drawn_together: NDArray[np.int64]
    """Groups [N] that the bootstrap draws as one: prompts, or what splits keep whole where that is more."""
    categories: tuple[str, ...] | None = None
    """Names of ``facts.clusters``, empty for none; None where these are no categories."""

    def __len__(self) -> int:
        return len(self.split_groups)

    @property
    def widest(self) -> Design:
        """The design with the most columns: what the arms of a study train on."""
        return max(self.designs, key=lambda design: design.rows.shape[1])

    @property
    def structure(self) -> PairStructure:
        """What the structured audit knows of them."""
        return PairStructure(self.facts.longer, self.facts.clusters, self.fold_groups, self.responses)

    @property
    def category(self) -> list[str | None]:
        """Of each pair."""
        names = self.categories
        return [names[code] or None if names else None for code in self.facts.clusters]

    def take(self, rows: NDArray[np.int64]) -> StudyPairs:
        """Some of the pairs, with groups numbered anew."""
        index = torch.from_numpy(rows)
        return StudyPairs(
            [Design(design.candidate, design.rows[index]) for design in self.designs],
            self.facts.take(rows),
            _renumbered(self.split_groups[rows]),
            _renumbered(self.fold_groups[rows]),
            _renumbered(self.responses[rows]),
            self.drawn_together[rows],
            self.categories,
        )

    def turned(self, which: NDArray[np.bool_]) -> StudyPairs:
        """The same with the two responses of some pairs [N] in the other order."""
        sign = torch.from_numpy(np.where(which, -1.0, 1.0))[:, None]
        return replace(
            self,
            designs=[Design(design.candidate, design.rows * sign.to(design.rows)) for design in self.designs],
            facts=self.facts.turned(which),
            responses=np.where(which[:, None], self.responses[:, ::-1], self.responses),
        )

    def save(self, path: Path) -> None:
        """Writes one safetensors file, atomically."""
        arrays = {name: getattr(self, name) for name in GROUPS}
        arrays |= {f"facts.{name}": getattr(self.facts, name) for name in Facts.__dataclass_fields__}
        tensors = {name: torch.tensor(value) for name, value in arrays.items()}  # copies: some may be one array
        tensors |= {f"design.{i}": design.rows.contiguous() for i, design in enumerate(self.designs)}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={"categories": json.dumps(self.categories)})

    @classmethod
    def load(cls, path: Path) -> StudyPairs:
        """What ``save`` wrote."""
        tensors = load_file(path)
        number = sum(name.startswith("design.") for name in tensors)
        designs = [Design(Candidate(str(i), ()), tensors[f"design.{i}"]) for i in range(number)]
        facts = Facts(*(tensors[f"facts.{name}"].numpy() for name in Facts.__dataclass_fields__))
        split, folds, responses, together = (tensors[name].numpy() for name in GROUPS)
        with safe_open(path, "pt") as file:
            names = json.loads(file.metadata()["categories"])
        return cls(designs, facts, split, folds, responses, together, names and tuple(names))


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
    votes = [pairs[f"votes_{side}"].cast(pa.float64()).to_numpy() for side in ("chosen", "rejected", "tie")]
    groups, clusters = fold_groups(pairs, options.audit_fold_by), clusters_of(pairs)
    facts = Facts(
        target=target,
        belief=clean_belief(designs, target, groups, TRUTH_SEED + seed, advance),
        longer=longer_side(pairs),
        clusters=clusters.codes,
        votes=np.stack(votes, axis=1),
    )
    split_groups, together = fold_groups(pairs, options.fold_by), drawn_together(pairs, options.fold_by)
    return StudyPairs(designs, facts, split_groups, groups, response_codes(pairs), together, clusters.categories)


def drawn_together(pairs: pa.Table, fold_by: Literal["prompt", "pair", "category"]) -> NDArray[np.int64]:
    """What is alike and must not pass for independent [N]: pairs of a prompt at least."""
    return fold_groups(pairs, "prompt" if fold_by == "pair" else fold_by)


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
    noise = estimate_label_noise(gap[decided], groups[decided], seed)
    return np.full(len(target), 0.5) if noise is None else noise.belief(gap)


def _renumbered(codes: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(codes.shape), dtype=np.int64)
