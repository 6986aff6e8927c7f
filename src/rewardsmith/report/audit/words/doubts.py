"""What keeps an audit from saying more, one sentence a doubt, and what would help; options stand in backticks."""

from __future__ import annotations

from rewardsmith.contracts.metrics.audit import AuditFindings, AuditNumbers, Doubt
from rewardsmith.strength.ensembles.kinds import KINDS
from rewardsmith.strength.label_noise.posterior import MIN_GROUPS

DOUBTS: dict[Doubt, str] = {
    "no_judges": "All pairs are ties, or fewer than two judges have an opinion of them.",
    "in_sample": "Every judge trained on the labels that it judges, and so agrees with wrong ones too.",
    "finds_no_flips": "The judges find labels that were flipped as a test no better than chance would, so they "
    "are no guide to labels that nobody flipped.",
    "finds_few_flips": "The judges find labels that were flipped as a test better than chance would, but not "
    "well enough to call single labels wrong.",
    "not_measured": "No labels were flipped as a test, so how well wrong ones are found is not known.",
    "few_groups": "{groups} groups of prompts are too few to tell odd prompts from wrong labels.",
    "not_identifiable": "The judges are not sure enough to tell the labels' errors from their own.",
    "few_may_be_wrong": "So few labels may be wrong that most of those which the judges doubt would be right.",
}
STRONGER_JUDGE = ("a stronger judge", "a stronger judge (`model_name_or_path` takes any Hub model or local folder)")
BETTER_SCORES = ("scores of stronger models", "scores of stronger models")
VOTES = ("votes", "votes of several annotators on each pair")
MORE_PAIRS = ("more pairs", "more pairs")
MORE_PROMPTS = ("more prompts", f"pairs of more prompts ({MIN_GROUPS} groups at least)")
OTHER_JUDGES = ("judges that never saw the labels", "judges that never saw the labels (`crossfit` groups)")
FLIPS = ("a self-audit", "a self-audit (`planted_rate` 0.2)")
DECIDED_PAIRS = ("pairs that two judges can decide", "pairs that are no ties, each with the scores of two judges")
MANY_PAIRS = 2000
"""From here on more pairs of the same kind would hardly help."""

Help = tuple[str, str]
"""In a few words, and with how to get it."""


def doubt_sentences(metrics: AuditNumbers | AuditFindings) -> list[str]:
    """Of all its doubts, the gravest first."""
    noise = metrics["label_noise"]
    groups = noise["num_groups"] if noise else 0
    return [DOUBTS[code].format(groups=groups) for code in metrics["claim"]["doubts"]]


def help_in_short(metrics: AuditFindings) -> str:
    """``a stronger judge, votes, or more pairs``."""
    return listed([short for short, _ in _helps(metrics)])


def help_sentence(metrics: AuditFindings) -> str:
    """What to change, with the options; nothing where there are no doubts."""
    helps = listed([with_how for _, with_how in _helps(metrics)])
    return f"What would help: {helps}." if helps else ""


def planted_auroc(metrics: AuditNumbers | AuditFindings) -> tuple[float, float | None, float | None] | None:
    """Of uniform flips, with the ends of its interval; None where none were planted."""
    for found in metrics["planted_flips"] or []:
        if found["kind"] == "uniform":
            return found["auroc"]["value"], found["auroc"]["low"], found["auroc"]["high"]
    return None


def listed(words: list[str]) -> str:
    """``one``, ``one or two``, ``one, two, or three``."""
    if len(words) < 3:
        return " or ".join(words)
    return f"{', '.join(words[:-1])}, or {words[-1]}"


def _helps(metrics: AuditFindings) -> list[Help]:
    kind = KINDS[metrics["ensemble"]["kind"]]
    weak = [STRONGER_JUDGE if kind.refits else BETTER_SCORES]
    if not (metrics["label_noise"] and metrics["label_noise"]["vote_error"] is not None):
        weak.append(VOTES)
    if metrics["data"]["num_pairs"] < MANY_PAIRS:
        weak.append(MORE_PAIRS)
    against: dict[Doubt, list[Help]] = {
        "no_judges": [DECIDED_PAIRS],
        "in_sample": [OTHER_JUDGES],
        "finds_no_flips": weak,
        "finds_few_flips": weak,
        "not_measured": [FLIPS],
        "few_groups": [MORE_PROMPTS],
        "not_identifiable": weak,
        "few_may_be_wrong": weak,
    }
    return list(dict.fromkeys(each for code in metrics["claim"]["doubts"] for each in against[code]))
