"""The numbers of a study of arms as words and rows, for the terminal and the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rewardsmith.report.numbers import MISSING, count, decimal, duration, known, percent
from rewardsmith.report.study.tables import MARKS, gain_text, interval_text


@dataclass(frozen=True)
class ArmRow:
    """An arm in words: accuracy of the baseline, gains of the others, in the order of the tests."""

    name: str
    options: str
    cells: tuple[str, ...]
    brief: tuple[str, ...]
    seen: tuple[str, ...]
    """The smallest gain that would have been seen, and the pairs that one point takes."""
    rate: str
    seconds: str
    cost: str


def arm_rows(metrics: Mapping[str, Any]) -> list[ArmRow]:
    """The arms in the order of their file."""
    rows = []
    for arm in metrics["arms"]:
        found = [test["arms"].get(arm["name"]) for test in metrics["tests"]]
        rates = sorted(set(arm["learning_rate"].values()))
        rows.append(
            ArmRow(
                name=arm["name"],
                options=options_text(arm["options"]),
                cells=tuple(map(_cell, found)),
                brief=tuple(map(_brief, found)),
                seen=tuple(map(_seen, found)),
                rate=(", ".join(f"{rate:g}" for rate in rates) or MISSING) + (" *" if arm["at_end_of_grid"] else ""),
                seconds=duration(arm["seconds"]),
                cost=decimal(arm["cost"], 1),
            )
        )
    return rows


def options_text(options: Mapping[str, Any]) -> str:
    """``dropout 0.1, num_train_epochs 2``."""
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "as all"


def points(share: Any) -> str:
    """A difference of accuracies in points."""
    return decimal(100 * share, 1) if known(share) else MISSING


def verdict(metrics: Mapping[str, Any]) -> str:
    """What the study says, in one paragraph."""
    sentences = [_test_sentence(metrics, test) for test in metrics["tests"]]
    number, clear = metrics["num_comparisons"], metrics["num_clear"]
    if clear:
        sentences.append(
            f"{clear} of {number} comparisons {'is' if clear == 1 else 'are'} clear; among so many without any true "
            f"difference about {decimal(0.05 * number, 1)} would be."
        )
    if ends := [arm["name"] for arm in metrics["arms"] if arm["at_end_of_grid"]]:
        sentences.append(f"The best rate of {', '.join(ends)} is the lowest or the highest of the grid: widen it.")
    return " ".join(sentences)


def _test_sentence(metrics: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    name, baseline, arms = test["name"], metrics["baseline"], test["arms"]
    if not test["enough_groups"]:
        return f"On {name} only {test['num_groups']} groups were tested: too few to say how sure a difference is."
    clear = [
        f"{arm} {interval_text(own['gain'])}" for arm, own in arms.items() if own["verdict"] in ("better", "worse")
    ]
    if clear:
        return f"On {name} these differ clearly from {baseline}, in points: {', '.join(clear)}."
    seen = [own["smallest_seen"] for own in arms.values() if known(own["smallest_seen"])]
    if not seen:
        return f"On {name} no arm differs from {baseline}."
    return f"On {name} no arm differs clearly from {baseline}; {points(max(seen))} points would most likely have shown."


def rate_rows(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Of each arm, the likelihood of held-out labels under every rate that was tried for it; fewer nats are better."""
    rows = []
    for arm in metrics["arms"]:
        by_rate = {one["learning_rate"]: one for one in arm["held_out"]}
        chosen = set(arm["learning_rate"].values())
        cells = []
        for rate in metrics["learning_rates"]:
            words = decimal(by_rate[rate]["nll"], 3) if rate in by_rate else MISSING
            cells.append(f"{words} chosen" if rate in chosen else words)
        rows.append((arm["name"], *cells))
    return rows


def measured(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was measured: terms and words."""
    num_pairs = " to ".join(map(count, sorted({arm["num_pairs"] for arm in metrics["arms"]})))
    others = [arm["name"] for arm in metrics["arms"] if not arm["same_course"]]
    course = "first weights and the pairs of every step are the same for all arms of a seed"
    if others:
        course += f", but for {', '.join(others)}"
    rows = [
        ("data", f"{count(metrics['num_pairs'])} pairs of {metrics['dataset_name']}; {num_pairs} train"),
        ("model", metrics["model"]),
        ("groups", f"{metrics['fold_by']}: never cut by test, held-out part and training"),
        ("arms", course),
        ("rates", _rates_in_words(metrics)),
        ("seeds", ", ".join(map(str, metrics["seeds"]))),
        *((f"test {test['name']}", _test_in_words(test)) for test in metrics["tests"]),
        (
            "intervals",
            "95%, paired; groups of the test and seeds are drawn again, crossed. With few seeds they are wide rather "
            "than narrow",
        ),
        ("could be seen", "a true difference that four of five such studies would find clear"),
    ]
    if metrics["failed"]:
        first = metrics["failed"][0]
        rows.append(
            ("failed", f"{len(metrics['failed'])}; {first['arm']} at {first['learning_rate']:g}: {first['reason']}")
        )
    return rows


def _rates_in_words(metrics: Mapping[str, Any]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in metrics["learning_rates"])
    if len(metrics["learning_rates"]) == 1:
        return f"{rates}, for all arms"
    whose = "the first seed, for all" if metrics["choose_rates_on"] == "first" else "each seed for itself"
    share = percent(metrics["held_out_share"])
    return f"of {rates}, for each arm, by the likelihood of held-out labels ({share} of what is not tested on): {whose}"


def _test_in_words(test: Mapping[str, Any]) -> str:
    words = f"{count(test['num_pairs'])} pairs of {test['dataset_name']} in {count(test['num_groups'])} groups"
    if test["num_prompts_trained_on"]:
        words += f"; {count(test['num_prompts_trained_on'])} of its prompts were also trained on"
    if test["num_prompts_sampled"]:
        words += f"; of {count(test['num_prompts_sampled'])} of its prompts some arm saw unlabelled responses"
    return words


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return MISSING
    return gain_text(found) if found["verdict"] else f"{decimal(100 * found['accuracy'], 1)}%"


def _seen(found: Mapping[str, Any] | None) -> str:
    if found is None or not known(found["pairs_for_a_point"]):
        return MISSING
    return f"{points(found['smallest_seen'])} ({count(found['pairs_for_a_point'])} pairs)"


def _brief(found: Mapping[str, Any] | None) -> str:
    if found is None or not found["verdict"]:
        return _cell(found)
    return f"{points(found['gain']['value'])} {MARKS[found['verdict']]}".rstrip()
