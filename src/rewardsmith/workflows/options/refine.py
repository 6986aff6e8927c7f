"""The configuration of `refine`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.refining.options import RefineOptions
from rewardsmith.report.options import ReportOptions


@dataclass(frozen=True)
class RefineConfig:
    """Repairs an audited set by stated rules: drop, flip, soften, weigh, set margins. Every row can be had back.

    Without --recipe it goes by the audit's level of claim: structured_drop where that judges labels,
    structured_drop_both at a reading order, none where it cannot tell or has no p_wrong_structured.

    Recipes: soft_label, drop, drop_lowest, flip, flip_wrong, smooth, margin, flip+margin, soft_label+margin, votes,
    decisions, none; where errors follow length or category: structured_soft_label, structured_drop,
    structured_drop_both, structured_flip_wrong; as the paper has them, by in-sample strengths: paper_flip,
    paper_margin, paper_flip+margin, paper_soft_label+margin. Or a YAML file of rules: docs/methods/refine.md.

    Examples:
      rewardsmith refine --audit_dir runs/audit-prefs
      rewardsmith refine --audit_dir runs/audit-prefs --recipe drop --output_dir refined
      rewardsmith refine --audit_dir runs/audit-prefs --recipe mine.yaml --decisions decided.jsonl
    """

    refine: RefineOptions = field(default_factory=RefineOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)
