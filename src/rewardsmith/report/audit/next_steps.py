"""What to do after an audit."""

from __future__ import annotations

import shlex

from rewardsmith.contracts.metrics.audit import AuditFindings, DataNumbers
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.report.numbers import part
from rewardsmith.strength.ensembles.kinds import KINDS


def next_steps(metrics: AuditFindings, dataset_name: str, folder: str, keeps_members: bool) -> list[NextStep]:
    """Each with the command that does it."""
    ensemble = metrics["ensemble"]
    kind = KINDS[ensemble["kind"]]
    name = shlex.quote(dataset_name or "prefs.jsonl")
    table = f"{folder}/strengths.parquet"
    steps: list[NextStep] = []
    if part(metrics, "label_noise", "num_flagged") and shlex.quote(table) == table:
        query = f"import pandas as pd; print(pd.read_parquet('{table}').nlargest(20, 'p_wrong'))"
        steps.append(
            {
                "text": "Look at the most doubtful labels first: this report shows some, strengths.parquet has all.",
                "command": f'python -c "{query}"',
            }
        )
    if metrics["label_noise"] and not metrics["label_noise"]["in_sample"]:
        steps.append(
            {
                "text": "Leave out what is likely wrong, or soften, flip, weigh it: every row can be had back.",
                "command": f"rewardsmith refine --audit_dir {shlex.quote(folder)}"
                if metrics["structured"]
                else f"rewardsmith refine --audit_dir {shlex.quote(folder)} --recipe drop",
            }
        )
    if metrics["structured"] and metrics["structured"]["sentence"]:
        steps.append(
            {
                "text": "Or let the loss know of errors by length and category, unless that is what people truly want.",
                "command": f"rewardsmith train {name} --noise_aware {shlex.quote(folder)}",
            }
        )
    if kind.fits_heads and ensemble["fold_by"] != "pair" and _reuses_responses(metrics["data"]):
        steps.append(
            {
                "text": "Responses stand in several pairs here. Judges that may see a prompt's other pairs find more.",
                "command": f"rewardsmith audit {name} --fold_by pair --output_dir {shlex.quote(folder + '-by-pair')}",
            }
        )
    noise = metrics["label_noise"]
    if noise and not noise["identifiable"] and kind.fits_heads:
        steps.append(
            {
                "text": "Ask a stronger judge: any Hub model or local folder can take the place of this one.",
                "command": f"rewardsmith audit {name} --model_name_or_path Qwen/Qwen3-0.6B "
                f"--output_dir {shlex.quote(folder + '-qwen3')}",
            }
        )
    if kind.models and keeps_members:
        steps.append(
            {
                "text": "Let the same judges score other responses; where they differ, trust the reward less.",
                "command": f"rewardsmith score other.jsonl --reward_model_path {shlex.quote(folder)}",
            }
        )
    steps.append(
        {
            "text": "Train a reward model and measure it on held-out prompts.",
            "command": f"rewardsmith train {name} --eval_fraction 0.1",
        }
    )
    return steps


def _reuses_responses(data: DataNumbers) -> bool:
    return data["num_pairs"] >= 2 * data["num_responses"]
