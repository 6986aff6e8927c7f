"""The audit in words. Every sentence is made from numbers that ``metrics.json`` holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rewardsmith.strength.label_noise import MIN_GROUPS
from rewardsmith.workflows.options import AuditConfig

Metrics = Mapping[str, Any]


def verdict(metrics: Metrics) -> str:
    """The result in one paragraph: how many labels are wrong, which are doubtful, how far to trust the answer."""
    sentences = [
        _noise(metrics),
        _classes(metrics),
        (metrics["structured"] or {}).get("sentence"),
        _judges(metrics["ensemble"]),
        _self_audit(metrics),
        metrics["accuracy"]["sentence"],
        _without_judges(metrics),
        _set_aside(metrics["data"]),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def noise_sentence(noise: Metrics) -> str:
    """How many labels are wrong in all, or why that cannot be said."""
    span = f"{noise['low']:.0%} to {noise['high']:.0%}"
    if noise["identifiable"]:
        return (
            f"About {noise['value']:.0%} of the labels are wrong ({span}), "
            "not counting errors that gather on close pairs."
        )
    if noise["in_sample"]:
        reason = "every judge trained on the labels that it judges (--crossfit groups gives judges that did not)"
    elif noise["num_groups"] < MIN_GROUPS:
        reason = f"{noise['num_groups']} groups of prompts are too few to tell odd prompts from wrong labels"
    else:
        reason = "the judges are not sure enough to tell the labels' errors from their own"
    return f"How many labels are wrong in all is not identifiable on this data ({span} is possible): {reason}."


def accuracy_sentence(accuracy: Metrics, noise: Metrics | None) -> str:
    """Whether a low accuracy is the data's fault or the model's, as far as the data can tell."""
    judged, length, best = accuracy["held_out"], accuracy["length_only"], accuracy["attainable"]
    if judged is None or noise is None or best is None:
        return ""
    reached = f"the held-out judges reach {judged['value']:.0%}"
    if length:
        reached += f", and always preferring the {length['prefers']} response {length['value']:.0%}"
    if not noise["identifiable"]:
        low = max(best["low"], judged["value"])
        return (
            f"Of accuracy, {reached}; a perfect model would reach somewhere between {low:.0%} and {best['high']:.0%}."
        )
    missed, labels = 1 - judged["value"], 1 - best["value"]
    share = f"of the {missed:.0%} they miss, {min(labels, missed):.0%} are the labels' fault"
    own = max(0.0, missed - labels)
    return (
        f"A perfect model could agree with at most about {best['value']:.0%} of these labels; {reached}: {share}, and "
        f"up to {own:.0%} the judges' own or that of close calls."
    )


def limits_sentence(ensemble: Metrics) -> str | None:
    """What the agreement of the members does not prove."""
    if ensemble["kind"] == "full":
        return (
            "Members begin with the same weights: a bias that all of them have from there looks like agreement, and "
            "their spread understates the doubt."
        )
    if ensemble["kind"] == "forked":
        return (
            "Members share their lower layers and the batches, and differ by groups, weights and where they begin: "
            "their spread is less than that of models trained apart, and a bias of the shared layers is in all of them."
        )
    return None


def next_steps(config: AuditConfig, metrics: Metrics, folder: str) -> list[dict[str, str]]:
    """What to do now, each with the command that does it."""
    name = shlex.quote(config.data.dataset_name or "prefs.jsonl")
    table = f"{folder}/strengths.parquet"
    steps = []
    if metrics["strength"]["classes"]["incorrect"] and shlex.quote(table) == table:
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
                + ("" if metrics["structured"] else " --recipe drop"),
            }
        )
    if metrics["structured"] and metrics["structured"]["sentence"]:
        steps.append(
            {
                "text": "Or let the loss know of errors by length and category, unless that is what people truly want.",
                "command": f"rewardsmith train {name} --noise_aware {shlex.quote(folder)}",
            }
        )
    if config.strength.ensemble == "probe" and config.strength.fold_by != "pair" and _reuses_responses(metrics["data"]):
        steps.append(
            {
                "text": "Responses stand in several pairs here. Judges that may see a prompt's other pairs find more.",
                "command": f"rewardsmith audit {name} --fold_by pair --output_dir {shlex.quote(folder + '-by-pair')}",
            }
        )
    noise = metrics["label_noise"]
    if noise and not noise["identifiable"] and config.strength.ensemble == "probe":
        steps.append(
            {
                "text": "Ask a stronger judge: any Hub model or local folder can take the place of this one.",
                "command": f"rewardsmith audit {name} --model_name_or_path Qwen/Qwen3-0.6B "
                f"--output_dir {shlex.quote(folder + '-qwen3')}",
            }
        )
    if config.strength.trains_models and config.members.save_members:
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


def _noise(metrics: Metrics) -> str:
    if metrics["label_noise"] is None:
        return (
            f"Nothing can be said of the labels of these {metrics['data']['num_pairs']:,} pairs: "
            "all are ties, or fewer than two judges have an opinion of them."
        )
    return str(metrics["label_noise"]["sentence"])


def _classes(metrics: Metrics) -> str:
    classes = metrics["strength"]["classes"]
    if not sum(classes.values()):
        return ""
    return (
        f"Of {metrics['data']['num_pairs']:,} pairs, {classes['incorrect']:,} are more likely labelled wrong than "
        f"right, {classes['ambiguous']:,} are too close to call and {classes['strong']:,} are strong."
    )


def _judges(ensemble: Metrics) -> str:
    """Who judged, where it was more than the usual heads."""
    members = {
        "full": "fine-tuned models, each trained on its own",
        "forked": "models that share their lower layers, trained together",
    }.get(ensemble["kind"])
    if members is None:
        return ""
    if ensemble["crossfit"] == "none":
        return f"The judges are {ensemble['num_members']} {members}, all of them on all of these labels."
    return (
        f"The judges are {ensemble['num_members']} {members}; each pair is judged by the {ensemble['num_judges']} that "
        "never saw its label."
    )


def _self_audit(metrics: Metrics) -> str:
    for found in metrics["planted_flips"] or []:
        if found["kind"] == "uniform" and found["auroc"]["value"] is not None:
            return (
                f"With {found['rate']:.0%} of the labels turned round on purpose, the audit ranks such a label as more "
                f"doubtful than another {found['auroc']['value']:.0%} of the time."
            )
    return ""


def _without_judges(metrics: Metrics) -> str:
    number = metrics["ensemble"]["num_pairs_without_judges"]
    if not number or metrics["ensemble"]["crossfit"] == "none":
        return ""
    return f"{number:,} pairs could not be judged: fewer than two members have a score for them."


def _set_aside(data: Metrics) -> str:
    if not data["num_quarantined"]:
        return ""
    return f"{data['num_quarantined']:,} of {data['num_rows_read']:,} rows were set aside as unusable."


def _reuses_responses(data: Metrics) -> bool:
    return bool(data["num_pairs"] >= 2 * data["num_responses"])
