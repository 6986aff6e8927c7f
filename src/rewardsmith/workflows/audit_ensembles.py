"""The four ensembles behind one interface: fit to some labels, give every pair's gaps."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.artifacts.progress import progress
from rewardsmith.engine.scoring.ensemble_scorer import ENSEMBLE_FILE
from rewardsmith.models.averaging import average_reward_models
from rewardsmith.models.loading import EXTRA_FILE
from rewardsmith.models.lora import merge_reward_model
from rewardsmith.strength.cell_noise import CellNoise
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.strength.ensemble_job import EnsembleJob
from rewardsmith.strength.forked import train_forked_members
from rewardsmith.strength.full import train_full
from rewardsmith.strength.given import given_judgements
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.membership import check_blocks
from rewardsmith.strength.pair_features import PairFeatures, pair_features
from rewardsmith.strength.pair_structure import PairStructure, pair_structure
from rewardsmith.strength.probe import check_enough, probe_judgements
from rewardsmith.strength.rivals import Rival, gap_rivals, rival_finders
from rewardsmith.strength.structured import structured_audit
from rewardsmith.workflows.options import AuditConfig
from rewardsmith.workflows.stage_times import StageTimes

PAIRS_FILE = "pairs.parquet"
MEMBERS = "members"
MERGED = "merged"
AVERAGE = "average"
STRUCTURED_JUDGES = 4
"""At most, of the structured audit, which fits two ensembles; it has been measured with so many."""

Targets = NDArray[np.float32]
Labels = Literal["given", "planted", "refined"]


class Ensemble(Protocol):
    """Judges of one set of pairs."""

    truncated_share: float | None
    """Share of pairs of which truncation took something; None where no model has read them."""
    refits: bool
    """Whether what it says depends on the labels it is given."""

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        """Gaps of members fitted to these targets [N]. ``labels``: what they are; models of the given ones stay."""
        ...

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        """What the structured audit finds of these targets; None where it is not asked for or not to be had."""
        ...

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        """Other ways of finding wrong labels, on the same labels."""
        ...

    def finish(self) -> None:
        """Leaves in the folder what is worth keeping, and nothing else."""
        ...


def check_set(pairs: pa.Table, config: AuditConfig) -> None:
    """Raises DataError for a set that the ensemble cannot judge, before anything costly is done."""
    options = config.strength
    if options.ensemble == "given" or (options.trains_models and options.crossfit == "none"):
        return
    groups = fold_groups(pairs, options.fold_by)
    if options.ensemble == "probe":
        check_enough(len(pairs), groups, options.num_folds)
    else:
        check_blocks(groups, config.members.num_members)


def make_ensemble(
    pairs: pa.Table, groups: NDArray[np.int64], config: AuditConfig, folder: Path, times: StageTimes
) -> Ensemble:
    """The ensemble that the configuration names."""
    kind = config.strength.ensemble
    if kind == "probe":
        return ProbeEnsemble(pairs, groups, config, times)
    if kind == "given":
        return GivenEnsemble(pairs, config)
    return ModelEnsemble(groups, config, folder, times)


class ProbeEnsemble:
    """Heads on frozen features, which are computed once."""

    refits = True

    def __init__(self, pairs: pa.Table, groups: NDArray[np.int64], config: AuditConfig, times: StageTimes) -> None:
        self._pairs, self._groups, self._options, self._times = pairs, groups, config.strength, times
        with times.stage("features"):
            self._features: PairFeatures = pair_features(pairs, config.model, config.strength.feature_dtype)
        self.truncated_share: float | None = self._features.truncated_share

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        description = "Judging" if labels == "given" else f"Judging by {labels} labels"
        with self._times.stage("judging"), progress(f"{description} (repeats)", self._options.judges) as bar:
            return probe_judgements(self._features.designs, target, self._groups, self._options, seed, bar.advance)

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        if not self._options.structured or self._options.crossfit == "none":
            return None
        options = replace(self._options, num_judges=min(self._options.judges, STRUCTURED_JUDGES))
        description = "Judging without length" if labels == "given" else f"Judging without length by {labels} labels"
        with self._times.stage("structured_audit"), progress(f"{description} (repeats)", 2 * options.judges) as bar:
            return structured_audit(self._features.designs, target, self._structure, options, seed, bar.advance)[1]

    @cached_property
    def _structure(self) -> PairStructure:
        return pair_structure(self._pairs, self._groups)

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        with self._times.stage("rivals"):
            return rival_finders(self._features.designs, target, self._groups, self._options, seed)

    def finish(self) -> None:
        pass


class GivenEnsemble:
    """Scores that the rows carry: they know nothing of labels."""

    refits = False
    truncated_share: float | None = None

    def __init__(self, pairs: pa.Table, config: AuditConfig) -> None:
        self._judged = given_judgements(pairs, config.strength)

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        return self._judged

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        return None

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        return []

    def finish(self) -> None:
        pass


class ModelEnsemble:
    """Language models. Those of the labels as given are kept, those of planted labels serve once."""

    refits = True

    def __init__(self, groups: NDArray[np.int64], config: AuditConfig, folder: Path, times: StageTimes) -> None:
        self._groups, self._config, self._folder, self._times = groups, config, folder, times
        self._train = train_full if config.strength.ensemble == "full" else train_forked_members
        self.truncated_share: float | None = None

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        config = self._config
        # An interrupted run finds its other members again by the labels they learn.
        other = f"{MEMBERS}/{labels}-{hashlib.sha256(target.tobytes()).hexdigest()[:12]}"
        job = EnsembleJob(
            pairs_file=self._folder / PAIRS_FILE,
            groups=self._groups,
            folder=self._folder / (MEMBERS if labels == "given" else other),
            strength=config.strength,
            members=config.members,
            model=config.model,
            lora=config.lora,
            seed=seed,
            keep_models=labels == "given" and config.members.keeps_models,
            description="Members" if labels == "given" else f"Members ({labels} labels)",
        )
        with self._times.stage("judging"):
            outcome = self._train(job, target)
        self.truncated_share = outcome.truncated_share
        return outcome.judged

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        return None

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        return gap_rivals(judged, target, seed)

    def finish(self) -> None:
        keep_members(self._folder, self._config)


def keep_members(folder: Path, config: AuditConfig) -> None:
    """Averages and merges the members, lists them or removes their models, as was asked for; may be done again.

    Their gaps stay in any case: they are small, and without them an audit that was killed now would train again.
    """
    names = [f"{MEMBERS}/{m:02d}" for m in range(config.members.num_members)]
    average = folder / AVERAGE
    if config.members.average_members and not (average / EXTRA_FILE).exists():  # it is written last
        average_reward_models([folder / name for name in names], average)
    merged = {folder / name: folder / MERGED / Path(name).name for name in names}
    for member, output in merged.items() if config.members.merge_members else ():
        if not (output / EXTRA_FILE).exists():
            merge_reward_model(member, output)
    if config.members.save_members:
        write_json(folder / ENSEMBLE_FILE, {"kind": config.strength.ensemble, "members": names})
        return
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
