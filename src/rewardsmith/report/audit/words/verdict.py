"""The verdict of an audit: one line, at most three points, and the rest, by what the audit may claim."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsmith.contracts.metrics.audit import (
    AuditFindings,
    AuditVerdict,
    DataNumbers,
    Ensemble,
    LabelNoise,
    LabelNoiseNumbers,
)
from rewardsmith.report.audit.leanings.words import leaning_sentence, part_sentences
from rewardsmith.report.audit.words.doubts import doubt_sentences, help_in_short, help_sentence, planted_auroc
from rewardsmith.report.audit.words.review import review_sentence
from rewardsmith.report.audit.words.second_labels import second_sentences
from rewardsmith.report.numbers import count, pairs, range_words, rounded_percent
from rewardsmith.report.sections import stability_words
from rewardsmith.strength.ensembles.kinds import KINDS

FEW_WRONG = 0.05
"""Labels are usable as they are where the share of wrong ones is surely below this."""
MUCH_CUT = 0.2
"""Share of truncated pairs from which on the verdict says so."""
NUM_POINTS = 3


def verdict(metrics: AuditFindings) -> AuditVerdict:
    """The result: whether to use the labels, what to read first, and how far to trust the answer."""
    said = [sentence for sentence in _by_importance(metrics) if sentence]
    rest = [*said[NUM_POINTS:], *(sentence for sentence in _rest(metrics) if sentence)]
    return {"line": _line(metrics), "points": said[:NUM_POINTS], "rest": rest}


def verdict_text(found: AuditVerdict) -> str:
    """The line and its points as plain text."""
    return "\n".join([found["line"], *(f"- {point}" for point in found["points"])])


def _by_importance(metrics: AuditFindings) -> list[str]:
    noise, cut, reading = metrics["label_noise"], cut_sentence(metrics["data"]), _reading(metrics)
    structured = (metrics["structured"] and metrics["structured"]["sentence"]) or ""
    if metrics["claim"]["level"] == "labels_judged":
        assert noise is not None  # nothing could be judged
        return [_flagged(metrics, noise), reading, cut, structured, how_well_found(metrics), _accuracy(metrics)]
    reason, *others = doubt_sentences(metrics)
    if metrics["claim"]["level"] == "reading_order":
        share = noise_sentence(noise, [reason]) if noise else ""
        return [reading, cut, share, structured, help_sentence(metrics), _accuracy(metrics), *others]
    return [f"{reason} So no label is called wrong.", cut, help_sentence(metrics), _accuracy(metrics), *others]


def _reading(metrics: AuditFindings) -> str:
    """What the audit's order is worth to a reader."""
    found = [review_sentence(planted, metrics["claim"]["level"]) for planted in metrics["planted_flips"] or []]
    return "".join(found)


def _rest(metrics: AuditFindings) -> list[str]:
    judged = metrics["claim"]["level"] == "labels_judged"
    bound = "Errors that gather on ambiguous pairs do not show, so the share of wrong labels is a lower bound."
    return [
        bound if judged else "",
        *second_sentences(metrics.get("second_labels")),
        leaning_sentence(metrics.get("leanings")),
        *part_sentences(metrics.get("leanings")),
        _judges(metrics["ensemble"]),
        _without_judges(metrics["ensemble"]),
        _quarantined(metrics["data"]),
    ]


def _line(metrics: AuditFindings) -> str:
    level, noise = metrics["claim"]["level"], metrics["label_noise"]
    if level == "cannot_tell":
        found = f": {_ranked(metrics)}" if "finds_no_flips" in metrics["claim"]["doubts"] else ""
        return f"Cannot tell which labels are wrong{found}. What would help: {help_in_short(metrics)}."
    if level == "reading_order":
        if planted_auroc(metrics) is None:
            return "Check by hand, from the top of a ranked list; how much better than chance it is was not measured."
        if noise and metrics["claim"]["doubts"] == ["few_may_be_wrong"] and noise["high"] < FEW_WRONG:
            most = rounded_percent(noise["high"])
            few = f"at most about {most} of the labels look wrong, too few to say which"
            return f"Usable as it is: {few}; {_ranked(metrics)}."
        return f"Check by hand, from the top of a ranked list: {_ranked(metrics)}."
    assert noise is not None and noise["value"] is not None  # the level says so
    share = f"about {rounded_percent(noise['value'])} of the labels"
    span = range_words(noise["low"], noise["high"])
    if noise["high"] < FEW_WRONG:
        return f"Usable as it is: few labels look wrong, {share} ({span})."
    return f"Check by hand: {share} are wrong ({span})."


def how_well_found(metrics: AuditFindings) -> str:
    """How far above chance flipped labels rank."""
    ranked = _ranked(metrics)
    return f"How well it finds them: {ranked}." if ranked else ""


def _ranked(metrics: AuditFindings) -> str:
    auroc = planted_auroc(metrics)
    if auroc is None:
        return ""
    value, low, high = auroc
    span = f"{range_words(low, high)}, " if low is not None and high is not None else ""
    return f"labels flipped as a test rank above others {rounded_percent(value)} of the time ({span}50% by chance)"


def noise_sentence(noise: LabelNoiseNumbers, doubts: Sequence[str] = ()) -> str:
    """How many labels are wrong in all, or that it cannot be told, and why (``doubts``: sentences)."""
    span = range_words(noise["low"], noise["high"])
    if noise["value"] is None:
        return " ".join((f"How many labels are wrong cannot be told ({span} is possible).", *doubts))
    return (
        f"About {rounded_percent(noise['value'])} of the labels are wrong ({span}), "
        "not counting errors that gather on ambiguous pairs."
    )


def _flagged(metrics: AuditFindings, noise: LabelNoise) -> str:
    """What to read first, and how that number goes with that of all wrong labels."""
    flagged, total, among = noise["num_flagged"], noise["expected_wrong"], noise["expected_wrong_flagged"]
    assert flagged is not None and total is not None and among is not None  # labels are judged
    expected = f"Of {count(noise['num_labels'])} labels about {count(round(total))} are expected to be wrong"
    if not flagged:
        return f"{expected}, but none by itself is more likely wrong than right."
    # The difference of rounded numbers, so that what is printed adds up.
    found, hidden = count(round(among)), count(round(total) - round(among))
    return (
        f"{expected}: about {found} among the {pairs(flagged)}{stability_words(metrics, 'flagged')} flagged as more "
        f"likely wrong than right, the other {hidden} among those that look right."
    )


def _accuracy(metrics: AuditFindings) -> str:
    """What the judges reach, beside length alone and what is attainable."""
    accuracy = metrics["accuracy"]
    judged, length, best = accuracy["held_out"], accuracy["length_only"], accuracy["attainable"]
    if judged is None:
        return ""
    said = f"The judges agree with {rounded_percent(judged['value'])} of labels that they never saw"
    if length:
        said += f", always preferring the {length['prefers']} response with {rounded_percent(length['value'])}"
    if best and best["value"] is not None:
        said += f", a perfect model with at most about {rounded_percent(best['value'])}"
    return f"{said}."


def cut_sentence(data: DataNumbers) -> str:
    """What truncation hid from the judges, and the ``max_length`` to use; nothing where it hid little."""
    share, enough, limit = data["truncated_share"], data["max_length_enough"], data["max_length_limit"]
    if share is None or share <= MUCH_CUT:
        return ""
    said = f"{rounded_percent(share)} of the pairs were cut at {data['max_length']} tokens, and judged by what was left"
    if enough is None:
        return f"{said}: use a larger `max_length`."
    if limit is None or enough <= limit:
        return f"{said}: use `max_length` {enough}."
    longer = f"`model_name_or_path` with a model that reads more, and `max_length` {enough}"
    most = f"this judge reads {limit} tokens at most"
    if limit > (data["max_length"] or 0):
        return f"{said}: use `max_length` {limit}; {most}, so better {longer}."
    return f"{said}; {most}: use {longer}."


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


def _without_judges(ensemble: Ensemble) -> str:
    number = ensemble["num_pairs_without_judges"]
    if not number or ensemble["crossfit"] == "none":
        return ""
    return f"{number:,} pairs could not be judged: fewer than two members have a score for them."


def _quarantined(data: DataNumbers) -> str:
    if not data["num_quarantined"]:
        return ""
    number, read = data["num_quarantined"], data["num_rows_read"]
    return f"{number:,} of {read:,} rows were quarantined as unusable: see quarantine.jsonl."
