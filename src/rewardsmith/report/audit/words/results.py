"""The audit in words, each result in one way. Every sentence is made from numbers that ``metrics.json`` holds."""

from __future__ import annotations

from rewardsmith.contracts.metrics.audit import (
    Accuracy,
    AccuracyNumbers,
    AuditFindings,
    AuditMetrics,
    AuditNumbers,
    LabelNoise,
    Structured,
    StructuredNumbers,
)
from rewardsmith.contracts.metrics.planted import Planted, PlantedNumbers
from rewardsmith.report.audit.words.doubts import doubt_sentences
from rewardsmith.report.audit.words.next_steps import AskedFor, next_steps
from rewardsmith.report.audit.words.verdict import noise_sentence, verdict
from rewardsmith.strength.ensembles.kinds import KINDS, EnsembleKind
from rewardsmith.strength.numbers.category_metrics import MIN_CATEGORY_PAIRS

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


def with_words(numbers: AuditNumbers, asked: AskedFor, keeps_members: bool) -> AuditMetrics:
    """The numbers of an audit with every sentence on them, the verdict and what to do next.

    ``asked`` is what commands are to name; ``keeps_members``: models of members stay in the folder.
    """
    kind = KINDS[numbers["ensemble"]["kind"]]
    noise: LabelNoise | None = None
    structured: Structured | None = None
    if numbers["label_noise"]:
        sentence = noise_sentence(numbers["label_noise"], doubt_sentences(numbers))
        noise = {**numbers["label_noise"], "assumption": ASSUMPTION, "sentence": sentence}
    if numbers["structured"]:
        structured = {**numbers["structured"], "sentence": structured_sentence(numbers["structured"])}
    accuracy: Accuracy = {**numbers["accuracy"], "sentence": accuracy_sentence(numbers["accuracy"])}
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


def accuracy_sentence(accuracy: AccuracyNumbers) -> str:
    """Whether a low accuracy is the data's fault or the model's, as far as the data can tell."""
    judged, length, best = accuracy["held_out"], accuracy["length_only"], accuracy["attainable"]
    if judged is None or best is None:
        return ""
    reached = f"the held-out judges reach {judged['value']:.0%}"
    if length:
        reached += f", and always preferring the {length['prefers']} response {length['value']:.0%}"
    if best["value"] is None:
        return f"Of accuracy, {reached}; what a perfect model would reach cannot be told."
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
    if found["leans_to"] is None:
        return ""
    favoured, other, taste = ("longer", "shorter", "length")
    if found["leans_to"] == "shorter":
        favoured, other, taste = ("shorter", "longer", "brevity")
    same = f"a true preference for {taste} at equal quality would look the same."
    longer, shorter = found["longer_rate"], found["shorter_rate"]
    if longer is None or shorter is None:  # labels are not judged
        return f"Doubtful labels lean towards the {favoured} response; {same}"
    return (
        f"Labels lean towards the {favoured} response: where it is the worse one they prefer it in about "
        f"{max(longer, shorter):.0%} of the pairs, and the {other} one, where that is worse, in "
        f"{min(longer, shorter):.0%}; {same}"
    )


def _by_category(found: StructuredNumbers) -> str:
    """Without names, which a report may have to leave out."""
    if not found["gathers"]:
        return ""
    same = "a category that truly asks for the opposite would look the same."
    shares = [row["share_wrong"] for row in found["categories"] or [] if row["count"] >= MIN_CATEGORY_PAIRS]
    if not shares:  # labels are not judged
        return f"Doubtful labels gather in categories; {same}"
    return (
        f"Wrong labels gather in categories: from {min(shares):.0%} to {max(shares):.0%} of the labels of one; {same}"
    )
