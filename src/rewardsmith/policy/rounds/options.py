"""Options of iterated RLHF. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.errors import ConfigError

Adapt = Literal["auto", "none", "retrain", "metarm", "ocrm"]
Labels = Literal["none", "gold", "judge", "person", "demonstrations"]
LabelChoice = Literal["random", "disagreement", "extremes"]
GOLD_FLIP_RATE = 0.25
"""How often a labeller errs whose labels are made of gold, unless told otherwise."""


@dataclass(frozen=True)
class RoundOptions:
    """Rounds of: sample, look at the reward model, adapt it, improve the policy, evaluate, decide."""

    num_rounds: int = 3
    """Rounds at most."""
    adapt: Adapt = "auto"
    """The reward model of a round: `none`: the first one for all; `retrain`: trained anew, with another seed;
    `metarm`: with gradients taken where the policy's samples move it (arXiv 2401.06080); `ocrm`: pairs weighted by how
    likely the policy makes them (arXiv 2507.15507); `auto`: `retrain` where there are fresh labels, else `none`, since
    the same labels teach nothing new (docs/results/loop_arms.md)."""
    preference_data: Literal["first", "last", "all"] = "all"
    """What it learns from: the preferences given, those labelled in the last round, or both with all rounds'."""
    policy_start: Literal["sft", "last"] = "last"
    """Where the policy of a round begins: at the first one, or at that of the round before."""
    reference: Literal["sft", "last"] = "sft"
    """What it is held near: the first policy, or that of the round before."""
    standardise_rewards: bool = True
    """Shift and scale each round's rewards to mean 0 and variance 1 on what the first policy writes: one scale, so that
    a KL coefficient means the same in all rounds."""
    ocrm_coefficient: float = 0.01
    """c of the weight exp(c (log pi / pi_sft of chosen + the same of rejected)) with --adapt ocrm."""
    num_members: int = 1
    """Reward models of a round, with seeds of their own; from two on their disagreement is measured."""
    num_shift_prompts: int = 128
    """Prompts of the policy's that it answers at the beginning of a round."""
    shift_samples: int = 4
    """Responses to each of them, and to each test prompt."""
    num_test_prompts: int = 128
    """Prompts, never trained on, whose responses are judged after a round."""
    stop_early: bool = True
    """End after the round in which a stop rule holds, and not only say so."""

    def adapt_with(self, labelling: LabellingOptions) -> Adapt:
        """``adapt``, decided."""
        if self.adapt != "auto":
            return self.adapt
        return "none" if labelling.labels == "none" else "retrain"


@dataclass(frozen=True)
class LabellingOptions:
    """Fresh labels for what the policy writes."""

    labels: Labels = "none"
    """Who gives them: nobody; `gold`, the world's own reward; `judge`, another reward model or a chat model; `person`:
    the run stops, says where to decide, and goes on when `decisions.jsonl` is there; `demonstrations`: the better
    responses given, each above what the policy writes to its prompt by now (arXiv 2405.17888)."""
    labels_per_round: int = 200
    """Pairs that are labelled in a round."""
    label_choice: LabelChoice = "random"
    """Which: any; those on which the members of the reward model disagree most (the smallest gap for a single one); or
    the best against the worst response of a prompt."""
    label_flip_rate: float | None = None
    """Share of the labels of gold or a judge that are then flipped, as by a labeller who errs so often; default: gold
    0.25, a judge 0."""
    judge_model_path: str = ""
    """Reward model that judges, for --labels judge (where no --judge_model does) and for win rates without gold."""

    @property
    def flip_rate(self) -> float:
        """A judge errs without help."""
        default = GOLD_FLIP_RATE if self.labels == "gold" else 0.0
        return default if self.label_flip_rate is None else self.label_flip_rate


def check_rounds(
    rounds: RoundOptions, labelling: LabellingOptions, in_world: bool, labels_by_chat: bool = False
) -> None:
    """``ConfigError`` for values that no run can have, and for parts that do not go together."""
    for name in ("num_rounds", "num_members", "num_shift_prompts", "num_test_prompts"):
        if getattr(rounds, name) < 1:
            raise ConfigError(f"`{name}` {getattr(rounds, name)} must be at least 1.")
    if rounds.shift_samples < 2:
        raise ConfigError(f"`shift_samples` {rounds.shift_samples} must be at least 2: one response is told from none.")
    if labelling.labels_per_round < 1:
        raise ConfigError(f"`labels_per_round` {labelling.labels_per_round} must be at least 1.")
    if not 0 <= labelling.flip_rate < 0.5:
        raise ConfigError(f"`label_flip_rate` {labelling.label_flip_rate} must be at least 0 and below 0.5.")
    if labelling.labels == "gold" and not in_world:
        raise ConfigError("`labels` gold: only a world has a gold reward. Name `judge` or `person`, or embedded/world.")
    if labelling.labels == "judge" and not (labelling.judge_model_path or labels_by_chat):
        raise ConfigError(
            "`labels` judge: name a reward model with `judge_model_path`, or a chat model with `base_url` and "
            "`judge_model`."
        )
    if labels_by_chat and labelling.label_flip_rate is not None:
        raise ConfigError("`label_flip_rate`: what a chat model says is taken as it is; leave the option out.")
    if labelling.labels == "demonstrations" and (labelling.label_choice != "random" or labelling.flip_rate):
        raise ConfigError(
            "`labels` demonstrations: nobody decides, and any may come; leave `label_choice` and `label_flip_rate` out."
        )
    if labelling.labels != "none" and rounds.adapt == "none":
        raise ConfigError(f"`labels` {labelling.labels}: with `adapt` none no reward model would learn from them.")
    if rounds.adapt == "ocrm" and rounds.preference_data == "last":
        raise ConfigError(
            "`adapt` ocrm weighs the pairs given, and `preference_data` last leaves them out: fresh labels are on what "
            "the policy writes anyway. Take `adapt` retrain, or `preference_data` all."
        )
    if labelling.labels == "none" and rounds.preference_data == "last":
        raise ConfigError("`preference_data` last: without `labels` there are no preferences but those given.")
