"""The `probe` trainer: for every arm one logistic head, its regularisation chosen in the same way for all.

Heads are fitted on two of three inner folds of the training groups, with labels as judges repair them who saw no more
(``repairs.py``), at every penalty of one grid. They are judged on the third by the likelihood of labels there, once
calibrated (``held_out_likelihood.py``): of the given, noisy ones, or of the arm's own, as who splits a refined set
would. The best penalty then serves for all training pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.strength.ensembles.design import with_nuisance, without_nuisance
from rewardsmith.studies.noise.arms import Arm, Form, Trained, TrainingTask, stack_supervision
from rewardsmith.studies.noise.heads import Labels, descend, fit_arms, fit_noise_aware
from rewardsmith.studies.noise.held_out_likelihood import Chosen, HeldOutLabels
from rewardsmith.trials.splits import NUM_INNER_FOLDS

L2_GRID = (0.025, 0.1, 0.4, 1.6, 6.4, 25.0, 100.0, 400.0, 1600.0, 6400.0)
STEPS_GRID = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
INNER_TOLERANCE = 1e-2  # root mean square logits; far below what tells penalties apart

Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """What heads are fitted on, and what they are read on."""

    fitted: Float[Tensor, "N E"]
    read: Float[Tensor, "N E"]
    tested: Float[Tensor, "M E"]


@dataclass(frozen=True)
class ProbeTrainer:
    """Trains on the widest features of the training pairs [N, E] and tests on those of the others [M, E]."""

    task: TrainingTask
    inner_folds: tuple[int, ...] = tuple(range(NUM_INNER_FOLDS))

    def train(self, arms: Sequence[Arm]) -> list[Trained]:
        """Every arm; those of one form are fitted side by side."""
        done: dict[str, Trained] = {}
        for form in dict.fromkeys(arm.form for arm in arms):
            own = [arm for arm in arms if arm.form == form]
            done |= {trained.name: trained for trained in self._train_form(form, own)}
        return [done[arm.name] for arm in arms]

    def _train_form(self, form: Form, arms: list[Arm]) -> list[Trained]:
        rows, labels = self._rows(form), stack_labels(arms)
        held_out = HeldOutLabels.of(self.task, arms)
        if form == "early_stopping":
            unit, grid = "steps", tuple(map(float, STEPS_GRID))
            found = self._search_steps(rows, arms, held_out)
            path = descend(rows.fitted, labels, STEPS_GRID)
            heads = torch.stack([path[index][column] for column, index in enumerate(found.best)])
        else:
            unit, grid = "l2", L2_GRID
            rates = stack_rates(arms) if form == "noise_aware" else None
            found = self._search_penalty(rows, arms, held_out)
            penalties = torch.tensor([L2_GRID[index] for index in found.best])
            heads = fit_arms(rows.fitted, labels, penalties)
            if rates is not None:
                heads = fit_noise_aware(rows.fitted, labels, rates, penalties, heads)
        gaps = (rows.tested @ heads.T).double().numpy()
        return [
            Trained(arm.name, gaps[:, a], float(found.scale[a]), f"{unit} {grid[index]:g}", index in (0, len(grid) - 1))
            for a, (arm, index) in enumerate(zip(arms, found.best.tolist(), strict=True))
        ]

    def _rows(self, form: Form) -> Rows:
        train = self.task.train.widest.rows
        test = self.task.pairs.widest.rows[torch.from_numpy(self.task.split.test)]
        if form != "debiased":
            return Rows(train, train, test)
        fitted, axes = with_nuisance(train, self.task.train.columns.longer)
        return Rows(fitted, without_nuisance(train, axes), without_nuisance(test, axes))

    def _search_penalty(self, rows: Rows, arms: Sequence[Arm], held_out: HeldOutLabels) -> Chosen:
        """Goes from strong to weak, each fit beginning at the last one.

        To the end for every arm: where categories want opposite things, very strong and moderate penalties can both
        be better than those between them.
        """
        num_arms = held_out.num_arms
        inner, rates = self._inner(arms), None
        if arms[0].form == "noise_aware":
            rates = torch.cat([stack_rates(own) for own in _by_fold(arms)], dim=2)
        likelihood = np.full(num_arms, -np.inf)
        best, scale = np.zeros(num_arms, dtype=np.int64), np.zeros(num_arms)
        plain: Tensor | None = None
        for p in reversed(range(len(L2_GRID))):
            penalty = torch.full((NUM_INNER_FOLDS * num_arms,), L2_GRID[p])
            heads = plain = fit_arms(rows.fitted, inner, penalty, plain, INNER_TOLERANCE)
            if rates is not None:
                heads = fit_noise_aware(rows.fitted, inner, rates, penalty, plain)
            gaps = self._gaps(rows.read, heads, num_arms)
            found = held_out.likelihood(gaps)
            better = found > likelihood
            likelihood[better] = found[better]
            best[better], scale[better] = p, held_out.scales(gaps)[better]
        return Chosen(best, scale)

    def _search_steps(self, rows: Rows, arms: Sequence[Arm], held_out: HeldOutLabels) -> Chosen:
        path = descend(rows.fitted, self._inner(arms), STEPS_GRID)
        return held_out.choose([self._gaps(rows.read, heads, held_out.num_arms) for heads in path])

    def _inner(self, arms: Sequence[Arm]) -> Labels:
        """Labels of every arm for every inner fold that is left out, [N, folds * arms]."""
        by_fold = [stack_labels(own) for own in _by_fold(arms)]
        inside = [torch.from_numpy(self.task.split.inner_fold != fold)[:, None] for fold in range(NUM_INNER_FOLDS)]
        return Labels(
            torch.cat([labels.target for labels in by_fold], dim=1),
            torch.cat([labels.margin for labels in by_fold], dim=1),
            torch.cat([labels.weight * trains for labels, trains in zip(by_fold, inside, strict=True)], dim=1),
        )

    def _gaps(self, rows: Tensor, heads: Tensor, num_arms: int) -> Floats:
        """Gaps [N, A] by the heads that left each pair's fold out."""
        gaps = np.empty((len(rows), num_arms))
        for fold in range(NUM_INNER_FOLDS):
            inside = np.flatnonzero(self.task.split.inner_fold == fold)
            own = heads[fold * num_arms : (fold + 1) * num_arms]
            gaps[inside] = (rows[torch.from_numpy(inside)] @ own.T).numpy()
        return gaps


def _by_fold(arms: Sequence[Arm]) -> list[list[Arm]]:
    """The arms as they are where each of the inner folds is left out."""
    return [[arm.without(fold) for arm in arms] for fold in range(NUM_INNER_FOLDS)]


def stack_labels(arms: Sequence[Arm]) -> Labels:
    """Supervisions side by side, [N, A]."""
    columns = (stack_supervision(arms, name) for name in ("target", "margin", "weight"))
    return Labels(*(torch.from_numpy(column.astype(np.float32)) for column in columns))


def stack_rates(arms: Sequence[Arm]) -> Float[Tensor, "N 2 A"]:
    """Error rates side by side."""
    rates = [arm.error_rates for arm in arms if arm.error_rates is not None]
    assert len(rates) == len(arms)  # every noise-aware arm carries them
    return torch.from_numpy(np.stack(rates, axis=2).astype(np.float32))
