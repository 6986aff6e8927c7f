"""Options of measuring preference strength. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.strength.ensembles.kinds import KINDS, EnsembleKind, KindName, ModelMembers


@dataclass(frozen=True)
class StrengthOptions:
    """The ensemble that judges every pair."""

    ensemble: KindName = "probe"
    """`probe`: heads fitted on frozen features. `given`: member scores that the rows already carry. `full`: a
    fine-tuned model for every member, as in the paper. `forked`: members that share a frozen lower trunk and are
    trained together."""
    num_judges: int | None = None
    """Members that judge a pair without having trained on it; default: 10 with `probe` (repeats of cross-fitting), 4
    with `full` and `forked`."""
    num_folds: int = 5
    """With `probe`: folds of each repeat (K); R * K members are trained, each on (K - 1) / K of the groups."""
    crossfit: Literal["groups", "none"] = "groups"
    """`none` trains every member on every pair, as in the paper; strengths are then in-sample only."""
    fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What stays together in a fold. Exact duplicates always do."""
    feature_dtype: Literal["float32", "bfloat16"] = "float32"
    """With `probe`: number type of the trunk's forward pass; bfloat16 is about 3 times as fast where the processor
    has it."""
    structured: bool = True
    """With `probe`: also ask, with judges of its own, which labels are wrong if errors gather in categories or follow
    length (`p_wrong_structured`)."""
    given_chosen_key: str = "chosen_score_list"
    """With `given`: column of the members' rewards of the chosen response (a list, one number a member); underscores
    also find spaces, so the defaults fit the paper's released set."""
    given_rejected_key: str = "rejected_score_list"
    """With `given`: column of the members' rewards of the rejected response."""

    @property
    def kind(self) -> EnsembleKind:
        """All that is known of ``ensemble``."""
        return KINDS[self.ensemble]

    @property
    def judges(self) -> int:
        """``num_judges``, resolved."""
        return self.kind.num_judges if self.num_judges is None else self.num_judges


@dataclass(frozen=True)
class MemberOptions:
    """The members of `full` and `forked`, and how they are trained."""

    num_members: int = 10
    """With `full` and `forked`: members (M); each trains on (M - num_judges) / M of the groups."""
    fork_layer: int | None = None
    """With `forked`: blocks of the shared frozen trunk; members differ above them. Default: three quarters."""
    head_start: Literal["probed", "drawn"] = "probed"
    """With `forked`: where the members' heads begin. `probed`: at the best linear head on the frozen model for the
    member's own pairs; `drawn`: at random."""
    bootstrap: Literal["auto", "on", "off"] = "auto"
    """Whether each member weighs the groups at random (Bayesian bootstrap) so that members differ; `auto`: on, except
    with `full` and --crossfit none, where members differ by the order of the data alone, as in the paper."""
    learning_rate: float | None = None
    """With `full` and `forked`: peak learning rate of a member (AdamW); default: 1e-5 for `full`, 2e-4 for it
    with --use_peft, 1e-3 for `forked`."""
    num_train_epochs: float = 1.0
    """With `full` and `forked`: passes over the pairs."""
    per_device_train_batch_size: int = 8
    """With `full` and `forked`: pairs of an optimiser step."""
    max_tokens_per_batch: int | None = None
    """With `full` and `forked`: tokens in one forward pass, which bounds memory; default: that of `train`.
    With `forked` it counts tokens times members above the fork; default: 4096."""
    bf16: bool = False
    """With `full` and `forked`: train in bfloat16 where the hardware gains from it."""
    save_steps: int = 200
    """With `full` and `forked`: optimiser steps between two checkpoints, from which an interrupted audit goes on; 0:
    none."""
    parallel_members: int = 1
    """With `full`: members trained at the same time, each in a process with its share of cores and memory."""
    save_members: bool = True
    """With `full` and `forked`: keep every member's model in members/00, 01, ...; `score` and `evaluate` read them."""
    merge_members: bool = False
    """With `full` and `forked`: also write every member as a plain Hugging Face model, its adapters in the weights, to
    merged/00, 01, ..., for servers that load no adapters."""
    average_members: bool = False
    """With `full` and `forked`: also write the model whose weights are the mean of the members' (WARM) to average/."""

    @property
    def keeps_models(self) -> bool:
        """Whether the members' models are needed after training."""
        return self.save_members or self.average_members or self.merge_members

    def bootstraps(self, options: StrengthOptions) -> bool:
        """``bootstrap``, resolved."""
        if self.bootstrap == "auto":
            models = options.kind.models
            return not (models and models.differ_by_order and options.crossfit == "none")
        return self.bootstrap == "on"

    def training(self, models: ModelMembers, use_peft: bool) -> TrainOptions:
        usual = models.adapter_learning_rate if use_peft else models.learning_rate
        return TrainOptions(
            learning_rate=usual if self.learning_rate is None else self.learning_rate,
            num_train_epochs=self.num_train_epochs,
            per_device_train_batch_size=self.per_device_train_batch_size,
            max_tokens_per_batch=self.max_tokens_per_batch,
            bf16=self.bf16,
        )

    @property
    def checkpoints(self) -> CheckpointOptions:
        return CheckpointOptions(save_steps=self.save_steps)


@dataclass(frozen=True)
class SelfAuditOptions:
    """How the audit measures itself: known flips are planted, everything is refitted, and the finds are counted."""

    planted_rate: float | None = None
    """Share of the pairs whose label is flipped on purpose; 0 switches the self-audit off. Default: 0.2, and 0 with
    `full`, where it costs two more ensembles (ask for it by naming a rate)."""
    planted_repeats: int = 1
    """Independent plantings of each kind (uniform, hard pairs)."""
    baselines: bool = True
    """Also run the rivals on the planted set: single-model loss, AUM (with `probe`), cleanlab's confident learning."""
    stability: bool = True
    """Under 500 judged labels: also draw the set again from itself, judge it anew (with `probe`), and say between which
    numbers every count lies."""

    def rate(self, kind: EnsembleKind) -> float:
        """``planted_rate``, resolved."""
        return kind.planted_rate if self.planted_rate is None else self.planted_rate
