"""The configuration of `imitate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.training.options import CheckpointOptions
from rewardsmith.models.options import LoraOptions
from rewardsmith.policy.imitation.options import ImitationOptions, ImitationTrainingOptions
from rewardsmith.preferences.options import RowOptions
from rewardsmith.sampling.options import SamplingOptions


@dataclass(frozen=True)
class DemonstrationOptions(RowOptions):
    """Where the demonstrations come from and how they are read."""

    response_key: str | None = None
    """Column of the response (text or messages), or of a list of responses, each of which is a demonstration."""
    chosen_key: str | None = None
    """Column of the preferred response of a pair; the one that the pair's target calls better is the demonstration."""
    on_bad_row: Literal["quarantine", "error"] = "quarantine"
    """Quarantine unusable rows with a reason, or stop at the first one with status 2."""


@dataclass(frozen=True)
class ImitateConfig:
    """Train a policy to answer as in demonstrations, by telling them from its own responses (IRFT, SPIN), or by SFT.

    Rows are prompts with a response, conversations, or pairs, of which the better response counts. No reward model is
    trained: the policy's own log pi/pi_old is one. With an explicit reward model (RFT):
    `rewardsmith iterate prefs.jsonl --labels demonstrations`. Interrupted, the same command goes on where it was.

    Examples:
      rewardsmith imitate demos.jsonl --model_name_or_path runs/sft --num_rounds 5
      rewardsmith imitate demos.jsonl --model_name_or_path runs/sft --num_rounds 1   # SPIN, one iteration
      rewardsmith imitate demos.jsonl --model_name_or_path Qwen/Qwen3-0.6B --use_peft --learning_rate 5e-5
      rewardsmith imitate demos.jsonl --model_name_or_path Qwen/Qwen3-0.6B --imitation sft --learning_rate 1e-5
    """

    data: DemonstrationOptions = field(default_factory=DemonstrationOptions)
    model_name_or_path: str = ""
    """The policy: Hub id, local folder (adapters too), or embedded model."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the policy runs; `auto` takes an accelerator where there is one, and says so."""
    imitation: ImitationOptions = field(default_factory=ImitationOptions)
    training: ImitationTrainingOptions = field(default_factory=ImitationTrainingOptions)
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    run: RunOptions = field(default_factory=RunOptions)
