"""What the audit says of the labels, in words, beside what a recipe did with them."""

from __future__ import annotations

from rewardsmith.contracts.metrics.refine import DoubtedNumbers, RefineMetrics
from rewardsmith.report.numbers import MISSING, count
from rewardsmith.report.numbers import pairs as num_pairs
from rewardsmith.report.sections import KeyNumber


def doubt_sentences(metrics: RefineMetrics) -> list[str]:
    """How many labels the audit doubts, what became of those, and where its two figures differ if a rule asks both."""
    audited, pairs = metrics["audited"], metrics["pairs"]
    plain = audited["p_wrong"]
    structured = audited["p_wrong_structured"] if audited["asks_structured"] else None
    if plain is None:
        touched = pairs["num_turned"] + pairs["num_dropped"]
        return ["The audit cannot tell which labels are wrong, and doubts none."] if touched else []
    found = [f"{_doubting(metrics, plain)}{_became(plain)}."]
    if structured is not None:
        found.append(
            "The recipe asks p_wrong_structured, which unlike p_wrong lets errors follow length and category: it is "
            f"over 0.5 for {num_pairs(structured['num_doubted'])}, and for {count(audited['num_doubted_by_both'])} "
            "both are."
        )
    if pairs["num_turned"]:
        wrong = _wrong(plain["expected_wrong_turned"], structured and structured["expected_wrong_turned"])
        found.append(f"Wrong among the {count(pairs['num_turned'])} flipped: {wrong}.")
    if pairs["num_dropped"]:
        wrong = _wrong(plain["expected_wrong_dropped"], structured and structured["expected_wrong_dropped"])
        found.append(f"Wrong among the {count(pairs['num_dropped'])} dropped: {wrong}.")
    return found


def doubted_number(metrics: RefineMetrics) -> KeyNumber:
    """To stand beside the numbers of flipped and dropped pairs."""
    plain = metrics["audited"]["p_wrong"]
    if plain is None:
        return KeyNumber("doubted", MISSING, "the audit cannot tell")
    number = count(plain["num_doubted"])
    if metrics["audited"]["level"] == "reading_order":
        return KeyNumber("p_wrong over 0.5", number, "called wrong: none")
    return KeyNumber("doubted", number, "by the audit: p_wrong over 0.5")


def _doubting(metrics: RefineMetrics, plain: DoubtedNumbers) -> str:
    number = plain["num_doubted"]
    if metrics["audited"]["level"] == "reading_order":
        over = f"p_wrong is over 0.5 for {num_pairs(number)}"
        return f"The audit gives a reading order and calls no label wrong; {over}"
    who = "The last round's judges doubt" if metrics["rounds"] else "The audit doubts"
    return f"{who} {count(number)} label{'' if number == 1 else 's'} (p_wrong over 0.5)"


def _became(doubted: DoubtedNumbers) -> str:
    ways = [(doubted["num_turned"], "flipped"), (doubted["num_dropped"], "dropped")]
    words = [f"{count(number)} of them {'was' if number == 1 else 'were'} {way}" for number, way in ways if number]
    return f": {' and '.join(words)}" if words else ""


def _wrong(plain: float, structured: float | None) -> str:
    words = f"about {count(round(plain))} by p_wrong"
    return words if structured is None else f"{words}, {count(round(structured))} by p_wrong_structured"
