"""The configuration of `audit`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.report.options import ReportOptions
from rewardsmith.strength.options import MemberOptions, SelfAuditOptions, StrengthOptions


@dataclass(frozen=True)
class AuditConfig:
    """Which labels are wrong, which are ambiguous, how strong is every preference: one verdict and one report.

    Examples:
      rewardsmith audit prefs.jsonl
      rewardsmith audit --dataset_name embedded/dialogues
      rewardsmith audit --dataset_name trl-lib/ultrafeedback_binarized --max_pairs 5000
      rewardsmith audit prefs.jsonl --ensemble forked --model_name_or_path Qwen/Qwen3-0.6B
      rewardsmith audit prefs.jsonl --second_labels judged.jsonl
      rewardsmith audit prefs.jsonl --prompt_key question --chosen_key good --rejected_key bad
    """

    data: DataOptions = field(default_factory=DataOptions)
    second_labels: str | None = None
    """Labels of the same pairs by somebody else, as `judge` writes them or in any form of preferences: how often do
    they agree, by strength, and what do they say of which labels are wrong?"""
    model: ModelOptions = field(default_factory=ModelOptions)
    strength: StrengthOptions = field(default_factory=StrengthOptions)
    members: MemberOptions = field(default_factory=MemberOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    self_audit: SelfAuditOptions = field(default_factory=SelfAuditOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)
