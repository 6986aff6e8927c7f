"""What else finds wrong labels: the baselines that stand beside the ensemble in every audit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from rewardsmith.strength.ensembles.design import Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.options import StrengthOptions

STRUCTURED = "rewardsmith, structured"
AUM_EPOCHS = 24
AUM_BATCH = 128
AUM_LEARNING_RATE = 0.5


@dataclass(frozen=True)
class Rival:
    """A method's suspicion of each label [N], higher is worse, and its own mask where it gives one."""

    method: str
    suspicion: NDArray[np.float64]
    mask: NDArray[np.bool_] | None
    note: str


def rival_finders(
    designs: list[Design],
    target: NDArray[np.float32],
    groups: NDArray[np.int64],
    options: StrengthOptions,
    seed: int,
) -> list[Rival]:
    """Every baseline on the same features and the same labels; ``target`` [N] is 1 or 0 (0.5 for ties)."""
    single = probe_judgements(designs, target, groups, replace(options, num_judges=1, crossfit="groups"), seed)
    held_out = np.asarray(np.nanmean(np.where(single.trained, np.nan, single.gaps), axis=1), dtype=np.float64)
    sign = np.where(target >= 0.5, 1.0, -1.0)
    widest = max(designs, key=lambda design: design.rows.shape[1])
    return [
        Rival("single-model loss", -sign * held_out, None, "one cross-fitted model, held-out loss of the label"),
        _confident_learning(held_out, target, seed),
        _aum(widest, target, seed),
    ]


def gap_rivals(judged: Judgements, target: NDArray[np.float32], seed: int) -> list[Rival]:
    """Baselines that need no training of their own: what single members of an ensemble say.

    Those on held-out gaps are there only where every pair has a judge.
    """
    sign = np.where(target >= 0.5, 1.0, -1.0)
    rivals = []
    if (judged.num_judges > 0).all():
        held_out = _one_member(judged, ~judged.trained)
        note = "of each pair one member that did not train on it; held-out loss of the label"
        rivals += [
            Rival("single-model loss", -sign * held_out, None, note),
            _confident_learning(held_out, target, seed),
        ]
    in_sample = _one_member(judged, judged.trained)
    note = "of each pair one member that trained on it; loss of the label at the end of training"
    return [*rivals, Rival("small loss", -sign * in_sample, None, note)]


def structured_finder(found: CellNoise | None, num_pairs: int) -> Rival:
    """The structured audit as one more finder of wrong labels; it suspects nobody where it found nothing."""
    suspicion = np.zeros(num_pairs) if found is None else found.p_wrong
    return Rival(STRUCTURED, suspicion, suspicion > 0.5, "p_wrong_structured; mask: above 0.5")


def _one_member(judged: Judgements, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each pair the gap of the first member that counts and has an opinion; NaN where none has."""
    counted = counted & ~np.isnan(judged.gaps)
    gaps = judged.gaps[np.arange(len(counted)), counted.argmax(axis=1)]
    return np.where(counted.any(axis=1), gaps, np.nan).astype(np.float64)


def _confident_learning(held_out: NDArray[np.float64], target: NDArray[np.float32], seed: int) -> Rival:
    """cleanlab on P(first is better), the order of the two responses drawn at random so that there are two classes."""
    from cleanlab.filter import find_label_issues  # only the audit's table of baselines needs it

    swapped = np.random.default_rng(seed).random(len(target)) < 0.5
    first_wins = np.where(swapped, 1 - target, target) > 0.5
    chance = expit(np.where(swapped, -held_out, held_out))
    decided = target != 0.5
    mask = np.zeros(len(target), dtype=bool)
    mask[decided] = find_label_issues(
        labels=first_wins[decided].astype(int),
        pred_probs=np.column_stack([1 - chance, chance])[decided],
        filter_by="confident_learning",
        n_jobs=1,
    )
    suspicion = 1 - np.where(first_wins, chance, 1 - chance)
    note = "ranking identical to single-model loss by construction; its mask differs"
    return Rival("cleanlab (confident learning)", suspicion, mask, note)


def _aum(design: Design, target: NDArray[np.float32], seed: int) -> Rival:
    """Area under the margin (arXiv 2001.10528): the mean signed gap over the epochs of one SGD-trained head."""
    labels = torch.tensor(target)
    sign = torch.where(labels >= 0.5, 1.0, -1.0)
    logged = torch.zeros(len(labels))
    head = design.rows.new_zeros(design.rows.shape[1])
    generator = torch.Generator().manual_seed(seed)
    for _ in range(AUM_EPOCHS):
        order = torch.randperm(len(labels), generator=generator)
        for start in range(0, len(labels), AUM_BATCH):
            batch = order[start : start + AUM_BATCH]
            head -= AUM_LEARNING_RATE * _batch_gradient(design.rows[batch], labels[batch], head)
        logged += sign * (design.rows @ head) / AUM_EPOCHS
    note = f"one head trained by SGD on every label, its gap logged after each of {AUM_EPOCHS} epochs"
    return Rival("AUM", -logged.double().numpy(), None, note)


def _batch_gradient(
    rows: Float[Tensor, "B D"], labels: Float[Tensor, " B"], head: Float[Tensor, " D"]
) -> Float[Tensor, " D"]:
    residual: Tensor = (rows @ head).sigmoid() - labels
    return rows.T @ residual / len(rows)
