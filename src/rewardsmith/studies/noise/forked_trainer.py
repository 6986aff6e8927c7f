"""The `forked` trainer: every arm is a member of one forked ensemble, with adapters and a head of its own.

All arms begin alike but for the head, which is fitted on the arm's own labels, and meet the same pairs in the same
steps: they differ by labels, margins and weights alone. One inner fold of the training groups is kept from all of them
and from their judges; after each epoch the gaps on it are judged by the likelihood of labels there, once calibrated,
and the best epoch is the arm's. So every arm stops early, in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.batch_forms import PaddedForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, encode_all
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.engine.members.forked_batches import MemberLabels
from rewardsmith.engine.members.forked_source import ForkedSource
from rewardsmith.engine.members.forked_training import judged_rewards, train_members
from rewardsmith.engine.members.trunk_states import TrunkStates
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import Moment
from rewardsmith.errors import DataError
from rewardsmith.models.layers.blocks import num_layers
from rewardsmith.models.loading.starting import starting_model
from rewardsmith.models.members.forked_model import ForkedModel, fork
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.head_start import fit_member_heads
from rewardsmith.studies.noise.arms import Arm, Trained, TrainingTask, stack_supervision
from rewardsmith.studies.noise.held_out_likelihood import HeldOutLabels
from rewardsmith.studies.noise.options import ForkedArmOptions, ForkedJob, NoiseStudyOptions
from rewardsmith.trials.splits import Split, split_by_group

HELD_OUT_FOLD = 0

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ForkedBase:
    """A model and what it makes of a set before anything is trained: the same for every cell."""

    model: Any
    pairs: EncodedPairs
    differs: NDArray[np.bool_]
    """[N]: pairs whose responses differ after truncation. The others teach nothing."""
    form: PaddedForm
    states: TrunkStates
    options: ForkedArmOptions
    device: torch.device


@cache
def forked_base(job: ForkedJob) -> ForkedBase:
    """Loads the model and runs its trunk over every conversation, once in a process. ModelError where it has none."""
    start = starting_model(job.model, seed=0)
    pairs = encode_all(start.encoder, pq.read_table(job.pairs_file), quiet=True)
    differs = pairs.differs()
    form = PaddedForm(int(start.model.config.get_text_config().pad_token_id), start.encoder.has_token_types)
    layer = job.arms.layer(num_layers(start.model.config))
    device = torch.device(choose_device(job.model.device))
    states = TrunkStates(start.model.eval(), pairs, form, layer, device)
    return ForkedBase(start.model, pairs, differs, form, states, job.arms, device)


@dataclass(frozen=True)
class ForkedTrainer:
    """Trains the arms of one cell."""

    base: ForkedBase
    task: TrainingTask
    inner_folds: tuple[int, ...] = (HELD_OUT_FOLD,)

    def train(self, arms: Sequence[Arm]) -> list[Trained]:
        """All arms at once. Raises RunError where a loss is not finite, or a head cannot be fitted."""
        split, reordered = self.task.split, self.task.reordered
        held_out, test = np.flatnonzero(split.inner_fold == HELD_OUT_FOLD), split.test
        judged = split.train[held_out]
        gaps = self._gaps_by_epoch(arms, np.concatenate([judged, test]))
        sides = np.where(reordered[held_out], -1.0, 1.0)[:, None]
        chosen = HeldOutLabels.of(self.task, arms).take(held_out).choose([sides * own[judged] for own in gaps])
        ends = (0, len(gaps) - 1)
        return [
            Trained(arm.name, gaps[epoch][test, a], float(chosen.scale[a]), f"epoch {epoch + 1}", epoch in ends)
            for a, (arm, epoch) in enumerate(zip(arms, chosen.best.tolist(), strict=True))
        ]

    def _gaps_by_epoch(self, arms: Sequence[Arm], judged: Indices) -> list[NDArray[np.float64]]:
        """Gaps of pairs of the set by every arm after each epoch, [N, A]: 0 for pairs that were not asked for, and for
        those that are the same twice."""
        base, options = self.base, self.base.options.training
        labels, weights = self._lessons([arm.without(HELD_OUT_FOLD) for arm in arms])
        source = ForkedSource(
            base.pairs,
            weights,
            base.form,
            pairs_per_step=options.per_device_train_batch_size,
            seed=self.task.seed,
            num_epochs=options.num_train_epochs,
            labels=labels,
            whole=True,
            learnable=self._learnable,
        )
        forked = self._begin(labels, weights)
        accelerator = make_accelerator(str(base.device))
        asked = judged[base.differs[judged]]
        by_length = asked[np.argsort(base.pairs.lengths[asked], kind="stable")]
        gaps: list[NDArray[np.float64]] = []

        def judge(moment: Moment) -> None:
            if moment.step % source.steps_per_epoch == 0:
                batches, num_pairs = source.to_judge(by_length), len(base.pairs)
                chosen, rejected = judged_rewards(forked, batches, num_pairs, base.states, accelerator, quiet=True)
                gaps.append((chosen - rejected).astype(np.float64))

        train_members(forked, source, base.states, options, accelerator, watch=judge, quiet=True)
        return gaps

    def _lessons(self, arms: Sequence[Arm]) -> tuple[MemberLabels, Floats]:
        """Labels of all pairs by arm, with the responses where the input has them, and what each counts [N, A]: nothing
        in the test and the held-out fold."""
        num_train, reordered = len(self.task.split.train), self.task.reordered[:, None]
        target, margin = stack_supervision(arms, "target"), stack_supervision(arms, "margin")
        rates = None
        if any(arm.error_rates is not None for arm in arms):
            none = np.zeros((num_train, 2))
            own = np.stack([none if arm.error_rates is None else arm.error_rates for arm in arms], axis=1)
            rates = self._everywhere(np.where(reordered[..., None], own[..., ::-1], own))
        labels = MemberLabels(
            self._everywhere(np.where(reordered, 1 - target, target)),
            self._everywhere(np.where(reordered, -margin, margin)),
            rates,
        )
        return labels, self._everywhere(stack_supervision(arms, "weight")) * self._learnable[:, None]

    @property
    def _learnable(self) -> NDArray[np.bool_]:
        return learnable_pairs(self.task.split, self.base.differs)

    def _everywhere(self, values: NDArray[np.float64]) -> Floats:
        """Values of the training pairs [n, ...] at their places among all [N, ...], 0 elsewhere."""
        found = np.zeros((len(self.base.pairs), *values.shape[1:]), dtype=np.float32)
        found[self.task.split.train] = values
        return found

    def _begin(self, labels: MemberLabels, weights: Floats) -> ForkedModel:
        base, seed = self.base, self.task.seed
        forked = fork_arms(deepcopy(base.model), weights.shape[1], base.options, seed).to(base.device)
        forked.begin_alike()
        rows = base.states.head_rows
        if rows is None:  # a head that cannot be probed begins as it is drawn
            return forked
        learned = np.flatnonzero(self._learnable)
        groups = np.unique(self.task.pairs.split_groups[learned], return_inverse=True)[1].reshape(-1)
        target, weight, margin = (torch.from_numpy(own[learned]) for own in (labels.target, weights, labels.margin))
        rows = rows[torch.from_numpy(learned)].cpu()
        forked.set_heads(fit_member_heads(rows, target, weight, groups, seed, margin))
        return forked


def fork_arms(model: Any, num_arms: int, options: ForkedArmOptions, seed: int = 0) -> ForkedModel:
    """Forks a reward model in place. ModelError where that cannot be done."""
    adapters = LoraOptions(lora_r=options.lora_r, lora_alpha=2 * options.lora_r)
    return fork(model, options.layer(num_layers(model.config)), num_arms, adapters, seed, instead="`trainer` probe")


def learnable_pairs(split: Split, differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pairs [N] that arms may learn from: the same for all, whatever an arm makes of them."""
    found = np.zeros(len(differs), dtype=bool)
    found[split.train[split.inner_fold != HELD_OUT_FOLD]] = True
    return found & differs


def check_forked(
    pairs: pa.Table, model: ModelOptions, arms: ForkedArmOptions, study: NoiseStudyOptions, seeds: Sequence[int]
) -> None:
    """Says of how many pairs truncation takes something or everything that tells the two sides apart.

    ModelError for a model that cannot be forked, DataError for a seed that leaves arms nothing to learn from.
    """
    start = starting_model(model, seed=0)
    fork_arms(start.model, 2, arms)
    encoded = encode_all(start.encoder, pairs)
    differs = encoded.differs()
    if num_identical := int((~differs).sum()):
        say(
            f"{num_identical:,} pairs have the same tokens on both sides (`max_length`): arms neither learn "
            "from them nor judge them."
        )
    if encoded.num_truncated:
        share, side = encoded.num_truncated / len(encoded), start.encoder.truncation_side
        say(f"{encoded.num_truncated:,} pairs ({share:.1%}) are truncated on the {side} (`max_length`).")
    check_learnable(differs, fold_groups(pairs, study.fold_by), study.test_share, seeds, start.encoder.max_length)


def check_learnable(
    differs: NDArray[np.bool_], groups: NDArray[np.int64], test_share: float, seeds: Sequence[int], max_length: int
) -> None:
    """Raises DataError for a seed that leaves no pair whose sides differ after truncation."""
    for seed in seeds:
        if not learnable_pairs(split_by_group(groups, test_share, seed), differs).any():
            raise DataError(
                f"Seed {seed} leaves arms no pair to learn from: of {len(differs)} pairs, {int((~differs).sum())} have "
                f"the same tokens on both sides after truncation to {max_length} tokens. Raise `max_length`, or cut on "
                "the other side (`truncation_side`)."
            )
