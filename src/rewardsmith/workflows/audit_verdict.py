"""The audit in words. Every sentence is made from numbers that ``metrics.json`` holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rewardsmith.workflows.options import AuditConfig

Metrics = Mapping[str, Any]


def verdict(metrics: Metrics) -> str:
    """The result in one paragraph: how many labels are wrong, which are doubtful, how far to trust the answer."""
    sentences = [_read(metrics["data"]), _noise(metrics), _classes(metrics), _self_audit(metrics)]
    if metrics["accuracy"]["sentence"]:
        sentences.append(metrics["accuracy"]["sentence"])
    return " ".join(sentence for sentence in sentences if sentence)


def noise_sentence(noise: Metrics) -> str:
    """How many labels are wrong in all, or why that cannot be said."""
    span = f"{noise['low']:.0%} to {noise['high']:.0%}"
    if not noise["identifiable"]:
        return (
            f"How many labels are wrong in all is not identifiable on this data: {span} is possible, "
            "because the judges are never sure enough to tell label errors from their own."
        )
    return f"About {noise['value']:.0%} of the labels are wrong ({span})."


def accuracy_sentence(accuracy: Metrics, noise: Metrics | None) -> str:
    """Whether a low accuracy is the data's fault or the model's."""
    judged, length = accuracy["held_out"], accuracy["length_only"]
    if judged is None or noise is None:
        return ""
    reached = f"the held-out judges reach {judged['value']:.0%}"
    if length:
        reached += f", and always preferring the {length['prefers']} response {length['value']:.0%}"
    best = accuracy["attainable"]
    if not noise["identifiable"]:
        return (
            f"Of accuracy, {reached}; what a perfect model would reach on these labels lies somewhere between "
            f"{max(best['low'], judged['value']):.0%} and {best['high']:.0%}."
        )
    room = best["value"] - judged["value"]
    blame = (
        "most of what the judges miss is the labels' fault"
        if room < 0.5 * (1 - judged["value"])
        else "most of what the judges miss is their own fault, and a better model can gain it"
    )
    return f"A perfect model would agree with about {best['value']:.0%} of these labels; {reached}: {blame}."


def next_steps(config: AuditConfig, metrics: Metrics) -> list[dict[str, str]]:
    """What to do now, each with the command that does it."""
    name = shlex.quote(config.data.dataset_name or "prefs.jsonl")
    folder = shlex.quote(config.run.output_dir or "runs/audit")
    steps = []
    if metrics["strength"]["classes"]["incorrect"]:
        query = f"import pandas as pd; print(pd.read_parquet('{folder}/strengths.parquet').nlargest(20, 'p_wrong'))"
        steps.append(
            {
                "text": "Look at the most doubtful labels first; they are in this report and in strengths.parquet.",
                "command": f"python -c {shlex.quote(query)}",
            }
        )
    noise = metrics["label_noise"]
    if noise and not noise["identifiable"] and config.strength.ensemble == "probe":
        steps.append(
            {
                "text": "Ask a stronger judge: any Hub model or local folder can take the place of this one.",
                "command": f"rewardsmith audit {name} --model_name_or_path Qwen/Qwen3-0.6B",
            }
        )
    steps.append(
        {
            "text": "Train a reward model and measure it on held-out prompts.",
            "command": f"rewardsmith train {name} --eval_fraction 0.1",
        }
    )
    return steps


def _read(data: Metrics) -> str:
    words = f"{data['num_pairs']:,} pairs were audited"
    if data["num_quarantined"]:
        words += f"; {data['num_quarantined']:,} of {data['num_rows_read']:,} rows were set aside as unusable"
    return words + "."


def _noise(metrics: Metrics) -> str:
    return metrics["label_noise"]["sentence"] if metrics["label_noise"] else "No pair could be judged."


def _classes(metrics: Metrics) -> str:
    classes = metrics["strength"]["classes"]
    if not sum(classes.values()):
        return ""
    return (
        f"{classes['incorrect']:,} labels are more likely wrong than right, {classes['ambiguous']:,} pairs are too "
        f"close to call, and {classes['strong']:,} are strong."
    )


def _self_audit(metrics: Metrics) -> str:
    planted = [found for found in metrics["planted_flips"] or [] if found["kind"] == "uniform"]
    if not planted:
        return ""
    found = planted[0]
    at_half = next(row for row in found["by_threshold"] if row["threshold"] == 0.5)
    words = f"When {found['rate']:.0%} of the labels were flipped on purpose, the audit ranked flips above other labels "
    words += f"{found['auroc']['value']:.0%} of the time"
    if at_half["num_flagged"]:
        words += f", and found {at_half['recall']:.0%} of them among labels it called wrong ({at_half['precision']:.0%} right)"
    else:
        words += ", but was never sure enough to call one wrong"
    return words + "."
