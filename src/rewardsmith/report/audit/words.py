"""The audit in words, each result in one way. Every sentence is made from numbers that ``metrics.json`` holds."""

from __future__ import annotations

from rewardsmith.contracts.metrics.audit import (
    Accuracy,
    AccuracyNumbers,
    AuditFindings,
    AuditMetrics,
    AuditNumbers,
    DataNumbers,
    Ensemble,
    LabelNoise,
    LabelNoiseNumbers,
    Planted,
    PlantedNumbers,
    Structured,
    StructuredNumbers,
)
from rewardsmith.report.audit.next_steps import AskedFor, next_steps
from rewardsmith.strength.ensembles.kinds import KINDS, EnsembleKind
from rewardsmith.strength.label_noise import MIN_GROUPS

ASSUMPTION = (
    "errors are equally likely on every pair, and a judge that is sure is right; errors that gather on ambiguous pairs "
    "are not counted"
)
PLANTED_LIMITS = {
    "uniform": "Planted flips fall on all pairs alike; natural errors gather on hard pairs, where they are harder to "
    "find, so recall is optimistic for them.",
    "hard": "Planted flips gather on pairs that the judges find ambiguous, as the errors of an honest annotator do.",
}
PRECISION_LIMITS = (
    "Errors that were there before count as false alarms, so precision is a lower bound. Votes and annotators' own "
    "rates are left out of account here: on a planted label they would tell."
)
SURE = 0.95
LEAST_DIFFERENCE = 0.05
"""Of the two rates of the whole set; smaller ones are not worth a sentence."""
LEAST_SPREAD = 0.1
"""Of the shares of wrong labels in categories of ``MIN_CATEGORY_PAIRS`` or more."""
MIN_CATEGORY_PAIRS = 50


def with_words(numbers: AuditNumbers, asked: AskedFor, keeps_members: bool) -> AuditMetrics:
    """The numbers of an audit with every sentence on them, the verdict and what to do next.

    ``asked`` is what commands are to name; ``keeps_members``: models of members stay in the folder.
    """
    kind = KINDS[numbers["ensemble"]["kind"]]
    noise: LabelNoise | None = None
    structured: Structured | None = None
    if numbers["label_noise"]:
        sentence = noise_sentence(numbers["label_noise"])
        noise = {**numbers["label_noise"], "assumption": ASSUMPTION, "sentence": sentence}
    if numbers["structured"]:
        structured = {**numbers["structured"], "sentence": structured_sentence(numbers["structured"])}
    accuracy: Accuracy = {**numbers["accuracy"], "sentence": accuracy_sentence(numbers["accuracy"], noise)}
    found: AuditFindings = {
        **numbers,
        "ensemble": {**numbers["ensemble"], "limits": kind.models.limits if kind.models else None},
        "accuracy": accuracy,
        "label_noise": noise,
        "planted_flips": [_with_limits(planted, kind) for planted in numbers["planted_flips"] or []] or None,
        "structured": structured,
    }
    steps = next_steps(found, asked, keeps_members)
    return {**found, "verdict": verdict(found), "next_steps": steps, "timings": {}}


def _with_limits(planted: PlantedNumbers, kind: EnsembleKind) -> Planted:
    sentences = (PLANTED_LIMITS[planted["kind"]], PRECISION_LIMITS, kind.planted_limits)
    return {**planted, "limits": " ".join(sentence for sentence in sentences if sentence)}


def verdict(metrics: AuditFindings) -> str:
    """The result in one paragraph: how many labels are wrong, which are doubtful, how far to trust the answer."""
    sentences = [
        _noise(metrics),
        _classes(metrics),
        metrics["structured"] and metrics["structured"]["sentence"],
        _judges(metrics["ensemble"]),
        _self_audit(metrics),
        metrics["accuracy"]["sentence"],
        _without_judges(metrics),
        _quarantined(metrics["data"]),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def noise_sentence(noise: LabelNoiseNumbers) -> str:
    """How many labels are wrong in all, or why that cannot be said."""
    span = f"{noise['low']:.0%} to {noise['high']:.0%}"
    if noise["identifiable"]:
        return (
            f"About {noise['value']:.0%} of the labels are wrong ({span}), "
            "not counting errors that gather on ambiguous pairs."
        )
    if noise["in_sample"]:
        reason = "every judge trained on the labels that it judges (cross-fitting by groups gives judges that did not)"
    elif noise["num_groups"] < MIN_GROUPS:
        reason = f"{noise['num_groups']} groups of prompts are too few to tell odd prompts from wrong labels"
    else:
        reason = "the judges are not sure enough to tell the labels' errors from their own"
    return f"How many labels are wrong in all is not identifiable on this data ({span} is possible): {reason}."


def accuracy_sentence(accuracy: AccuracyNumbers, noise: LabelNoiseNumbers | None) -> str:
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
        f"up to {own:.0%} the judges' own or that of ambiguous pairs."
    )


def structured_sentence(found: StructuredNumbers) -> str | None:
    """Where errors gather, and what else would look the same; None where they fall on all pairs alike, or nearly so."""
    return " ".join(words for words in (_by_length(found), _by_category(found)) if words) or None


def _by_length(found: StructuredNumbers) -> str:
    longer, shorter = found["longer_rate"], found["shorter_rate"]
    if found["p_rates_differ"] < SURE or abs(longer - shorter) < LEAST_DIFFERENCE:
        return ""
    favoured, other, taste = ("longer", "shorter", "length") if longer > shorter else ("shorter", "longer", "brevity")
    return (
        f"Labels lean towards the {favoured} response: where it is the worse one they prefer it in about "
        f"{max(longer, shorter):.0%} of the pairs, and the {other} one, where that is worse, in "
        f"{min(longer, shorter):.0%}; a true preference for {taste} at equal quality would look the same."
    )


def _by_category(found: StructuredNumbers) -> str:
    """Without names, which a report may have to leave out."""
    shares = [row["share_wrong"] for row in found["categories"] or [] if row["count"] >= MIN_CATEGORY_PAIRS]
    if not shares or max(shares) - min(shares) < LEAST_SPREAD:
        return ""
    return (
        f"Wrong labels gather in categories: from {min(shares):.0%} to {max(shares):.0%} of the labels of one; a "
        "category that truly asks for the opposite would look the same."
    )


def _noise(metrics: AuditFindings) -> str:
    if metrics["label_noise"] is None:
        return (
            f"Nothing can be said of the labels of these {metrics['data']['num_pairs']:,} pairs: "
            "all are ties, or fewer than two judges have an opinion of them."
        )
    return metrics["label_noise"]["sentence"]


def _classes(metrics: AuditFindings) -> str:
    classes = metrics["strength"]["classes"]
    if not any(classes.values()):
        return ""
    return (
        f"Of {metrics['data']['num_pairs']:,} pairs, {classes['incorrect']:,} are more likely mislabelled than "
        f"not, {classes['ambiguous']:,} are ambiguous and {classes['strong']:,} are strong."
    )


def _judges(ensemble: Ensemble) -> str:
    """Who judged, where it was more than the usual heads."""
    models = KINDS[ensemble["kind"]].models
    if models is None:
        return ""
    if ensemble["crossfit"] == "none":
        return f"The judges are {ensemble['num_members']} {models.words}, all of them on all of these labels."
    return (
        f"The judges are {ensemble['num_members']} {models.words}; each pair is judged by the "
        f"{ensemble['num_judges']} that never saw its label."
    )


def _self_audit(metrics: AuditFindings) -> str:
    for found in metrics["planted_flips"] or []:
        if found["kind"] == "uniform" and found["auroc"]["value"] is not None:
            return (
                f"With {found['rate']:.0%} of the labels flipped on purpose, the audit ranks a flipped label as more "
                f"doubtful than another {found['auroc']['value']:.0%} of the time."
            )
    return ""


def _without_judges(metrics: AuditFindings) -> str:
    number = metrics["ensemble"]["num_pairs_without_judges"]
    if not number or metrics["ensemble"]["crossfit"] == "none":
        return ""
    return f"{number:,} pairs could not be judged: fewer than two members have a score for them."


def _quarantined(data: DataNumbers) -> str:
    if not data["num_quarantined"]:
        return ""
    number, read = data["num_quarantined"], data["num_rows_read"]
    return f"{number:,} of {read:,} rows were quarantined as unusable: see quarantine.jsonl."
