"""From features to the rows that heads are fitted on: one difference a pair, on one scale, in principal axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.models.feature_spec import FeatureSpec, Pooling
from rewardsmith.strength.ensembles.logistic import principal_axes

BLOCK_DIMENSIONS = 96  # of one layer and pooling, before the blocks are joined
MAX_DIMENSIONS = 320
LENGTH_SCALE = 0.3
MAX_CATEGORIES = 8
MIN_CATEGORY_PAIRS = 150
CATEGORY_DIMENSIONS = 160
NUISANCE_SCALE = 4.0
"""Of a nuisance column; features have about unit norm, so its penalty is next to none."""


@dataclass(frozen=True)
class Candidate:
    """A set of features that a member may choose: several layers and poolings side by side."""

    name: str
    specs: tuple[FeatureSpec, ...]


@dataclass(frozen=True)
class Design:
    """Rows [N, E] of one candidate: chosen minus rejected, in principal axes. No label has gone into them."""

    candidate: Candidate
    rows: Float[Tensor, "N E"]
    judged: Float[Tensor, "N E"] | None = None
    """What heads are read on, where that is not what they learn from: a nuisance column is 0 there."""

    def take(self, rows: NDArray[np.int64]) -> Design:
        """Some of the rows, in the axes of all."""
        index = torch.from_numpy(rows)
        return replace(self, rows=self.rows[index], judged=None if self.judged is None else self.judged[index])


def default_candidates(num_layers: int, is_encoder: bool) -> list[Candidate]:
    """What members choose from: the middle of the trunk, alone and broad, read over the response and over all.

    ``num_layers`` counts blocks. The last ones serve the model's own task and are left out.
    """
    poolings: tuple[Pooling, Pooling] = ("mean", "response_mean") if is_encoder else ("response_mean", "last")
    middle = sorted({max(1, round(num_layers * share)) for share in (0.35, 0.5, 0.65)})
    broad = sorted({*middle, *(max(1, round(num_layers * share)) for share in (0.2, 0.8))})
    sets: list[tuple[str, list[tuple[int, Pooling]]]] = [
        (f"middle {poolings[0]}", [(layer, poolings[0]) for layer in middle]),
        (f"middle {poolings[1]}", [(layer, poolings[1]) for layer in middle]),
        ("broad", [(layer, pooling) for layer in broad for pooling in poolings]),
    ]
    return [Candidate(name, tuple(FeatureSpec(layer, pooling) for layer, pooling in specs)) for name, specs in sets]


def build_design(
    candidate: Candidate,
    features: Mapping[FeatureSpec, NDArray[np.float16]],
    log_length: NDArray[np.float32],
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
) -> Design:
    """Differences of features [N_distinct, D] between the conversations ``chosen`` and ``rejected`` [N].

    Each block of features is centred and brought to unit mean square norm, so that one penalty suits all blocks and
    models; the difference of log response lengths joins as one more column, because length is the first thing that
    annotators see and a head should not have to find it in the features.
    """
    blocks: list[Tensor] = []
    for spec in candidate.specs:
        block = features[spec].astype(np.float32)
        block -= block.mean(axis=0)
        norm = np.sqrt(np.mean(np.square(block).sum(axis=1)) * len(candidate.specs))
        difference = torch.from_numpy((block[chosen] - block[rejected]) / max(float(norm), 1e-12))
        blocks.append(difference @ principal_axes(difference, BLOCK_DIMENSIONS))
    blocks.append(torch.from_numpy(_length_column(log_length, chosen, rejected)))
    rows = torch.cat(blocks, dim=1)
    return Design(candidate, rows @ principal_axes(rows, MAX_DIMENSIONS))


def by_category(design: Design, categories: Sequence[str | None]) -> Design | None:
    """The same features with a head of its own for each category on top of the common one; None where that is idle.

    Sets that mix tasks can ask for opposite things (HH-RLHF: harmless and helpful); a common head then averages them
    away. Needs 2 to ``MAX_CATEGORIES`` categories of ``MIN_CATEGORY_PAIRS`` pairs or more; pairs of other categories
    are read by the common head alone.
    """
    names, codes = np.unique([name or "" for name in categories], return_inverse=True)
    counts = np.bincount(codes)
    large = [c for c in range(len(names)) if names[c] and counts[c] >= MIN_CATEGORY_PAIRS]
    if not 2 <= len(large) <= MAX_CATEGORIES:
        return None
    base = design.rows[:, :CATEGORY_DIMENSIONS]
    own = [base * torch.from_numpy((codes == c).astype(np.float32))[:, None] for c in large]
    rows = torch.cat([base, *own], dim=1) / 2**0.5
    return Design(Candidate(f"{design.candidate.name} by category", design.candidate.specs), rows)


def debiased(designs: Sequence[Design], nuisance: NDArray[np.float64]) -> list[Design]:
    """Designs whose heads learn with a column for ``nuisance`` [N], what noise may ride on, and judge without it.

    An annotator who takes length for quality adds a step at equal length to what the labels say. A head that has a
    column for the step puts it there, and not into the features that go along with length (the idea of ODIN, arXiv
    2402.07319, for a linear head). What length is truly worth stays in the features, as far as it is no step.
    """
    found = []
    for design in designs:
        rows, axes = with_nuisance(design.rows, nuisance)
        found.append(Design(design.candidate, rows, judged=without_nuisance(design.rows, axes)))
    return found


def with_nuisance(
    rows: Float[Tensor, "N E"], nuisance: NDArray[np.float64]
) -> tuple[Float[Tensor, "N F"], Float[Tensor, "E+1 F"]]:
    """The rows with ``nuisance`` [N] as one more column, in new principal axes, and these axes."""
    column = torch.from_numpy(NUISANCE_SCALE * nuisance).to(rows)[:, None]
    joined = torch.cat([rows, column], dim=1)
    axes = principal_axes(joined, joined.shape[1])
    return joined @ axes, axes


def without_nuisance(rows: Float[Tensor, "N E"], axes: Float[Tensor, "E+1 F"]) -> Float[Tensor, "N F"]:
    """The same axes, the column being 0."""
    return rows @ axes[:-1]


def distinct_specs(candidates: Sequence[Candidate]) -> list[FeatureSpec]:
    """Every feature that some candidate needs, once."""
    return sorted({spec for candidate in candidates for spec in candidate.specs})


def _length_column(
    log_length: NDArray[np.float32], chosen: NDArray[np.int64], rejected: NDArray[np.int64]
) -> NDArray[np.float32]:
    difference = log_length[chosen] - log_length[rejected]
    spread = max(float(log_length.std()), 1e-6)
    return (LENGTH_SCALE / spread * difference)[:, None].astype(np.float32)
