"""Ensembles of language models: what one is trained with, and what stays of it in the folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.engine.scoring.open_scorer import ENSEMBLE_FILE
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.models.loading.lora import merge_reward_model
from rewardsmith.models.loading.reward_models import EXTRA_FILE
from rewardsmith.models.members.averaging import average_reward_models
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.ensembles.crossfit import check_blocks, member_weights
from rewardsmith.strength.ensembles.ensemble import EnsembleInputs, Labels, Targets, Truncation
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.options import MemberOptions, StrengthOptions
from rewardsmith.strength.rivals import Rival, gap_rivals

MEMBERS = "members"
MERGED = "merged"
AVERAGE = "average"


@dataclass(frozen=True)
class EnsembleJob:
    """One training of an ensemble. Done again after an interruption, it goes on from what is in ``folder``."""

    pairs_file: Path
    """The pairs, as Parquet."""
    groups: NDArray[np.int64]
    """[N]: pairs of a group are trained on, or judged, together."""
    folder: Path
    """Where models, gaps and checkpoints go."""
    strength: StrengthOptions
    members: MemberOptions
    model: ModelOptions
    lora: LoraOptions
    seed: int = 0
    keep_models: bool = True
    """Whether the members' models stay."""
    quiet: bool = False
    description: str = "Members"

    def membership(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Training weights and who trained, both [N, M]. DataError for too few groups."""
        return member_weights(
            self.groups,
            self.members.num_members,
            self.strength.judges,
            self.strength.crossfit,
            np.random.default_rng(self.seed),
            self.members.bootstraps(self.strength),
        )

    def training(self) -> TrainOptions:
        models = self.strength.kind.models
        assert models is not None  # nobody else has such a job
        return self.members.training(models, self.lora.use_peft)


@dataclass(frozen=True)
class EnsembleOutcome:
    """What the ensemble says, and what it took."""

    judged: Judgements
    levels: NDArray[np.float32]
    """[M] mean reward of each member on all responses."""
    truncated_share: float
    """Share of pairs of which truncation took something."""


class ModelEnsemble:
    """Language models. Those of the labels as given are kept, those of other labels serve once."""

    def __init__(self, inputs: EnsembleInputs, train: Callable[[EnsembleJob, Targets], EnsembleOutcome]) -> None:
        self._inputs, self._train = inputs, train
        self.truncation: Truncation | None = None
        self._levels: NDArray[np.float32] | None = None

    def check(self) -> None:
        if self._inputs.strength.crossfit == "groups":
            check_blocks(self._inputs.groups, self._inputs.members.num_members)

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        inputs, of_given = self._inputs, labels == "given"
        # An interrupted run finds its other members again by the labels they learn.
        other = f"{MEMBERS}/{labels}-{hashlib.sha256(target.tobytes()).hexdigest()[:12]}"
        job = EnsembleJob(
            pairs_file=inputs.pairs_file,
            groups=inputs.groups,
            folder=inputs.folder / (MEMBERS if of_given else other),
            strength=inputs.strength,
            members=inputs.members,
            model=inputs.model,
            lora=inputs.lora,
            seed=seed,
            keep_models=of_given and inputs.members.keeps_models,
            description="Members" if of_given else f"Members ({labels} labels)",
        )
        with inputs.stage("judging"):
            outcome = self._train(job, target)
        self.truncation = Truncation(outcome.truncated_share, inputs.model.max_length)
        if of_given:
            self._levels = outcome.levels
        return outcome.judged

    def rejudge(self, rows: NDArray[np.int64], target: Targets, seed: int) -> Judgements | None:
        return None

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        return None

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        return gap_rivals(judged, target, seed)

    def finish(self) -> None:
        """Averages and merges the members, lists them or removes their models, as was asked; may be done again.

        Their gaps stay in any case: they are small, and without them an audit that was killed now would train again.
        """
        folder, options = self._inputs.folder, self._inputs.members
        names = [f"{MEMBERS}/{m:02d}" for m in range(options.num_members)]
        average = folder / AVERAGE
        if options.average_members and not (average / EXTRA_FILE).exists():  # it is written last
            average_reward_models([folder / name for name in names], average)
        merged = {folder / name: folder / MERGED / Path(name).name for name in names}
        for member, output in merged.items() if options.merge_members else ():
            if not (output / EXTRA_FILE).exists():
                merge_reward_model(member, output)
        if options.save_members:
            assert self._levels is not None  # the labels as given are judged first
            scales = [(level, 1.0) for level in self._levels.tolist()]  # so gaps stay what the audit says of them
            index = {"kind": self._inputs.strength.ensemble, "members": names, "scales": scales}
            write_json(folder / ENSEMBLE_FILE, index)
            return
        for name in names:
            shutil.rmtree(folder / name, ignore_errors=True)
