"""The numbers of an evaluation for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from rewardsmith.contracts.metrics.evaluate import (
    Calibration,
    ComparedSamples,
    NamedComparison,
    NamedSamples,
    RewardNumbers,
    Slice,
    StateNumbers,
)
from rewardsmith.contracts.metrics.second_labels import NamedViews, ViewDifferences
from rewardsmith.report.choices.words import best_rows, sample_finding, sample_sentences
from rewardsmith.report.evaluate.state_words import state_finding
from rewardsmith.report.evaluate.view_words import coverage_words, view_finding, view_rows
from rewardsmith.report.evaluate.words import MEASURES, coin_finding
from rewardsmith.report.numbers import decimal

SHOWN_CATEGORIES = 30


def print_evaluation(metrics: RewardNumbers, console: Console, comparison: NamedComparison | None = None) -> None:
    """The numbers of an evaluation, and of a comparison if there is one, in words and tables."""
    m = metrics
    console.print(coin_finding(m), style="bold", highlight=False)
    interval = "95 % interval over prompts" if m["eval_accuracy_ci_low"] is not None else "too few for an interval"
    longer = (m["eval_length_accuracy"], m["eval_length_accuracy_ci_low"], m["eval_length_accuracy_ci_high"])
    console.print(
        f"Accuracy {with_interval(m['eval_accuracy'], m['eval_accuracy_ci_low'], m['eval_accuracy_ci_high'])} "
        f"on {m['eval_num_pairs']:,} pairs of {m['eval_num_prompts']:,} prompts ({interval}); "
        f"with half credit for {m['eval_num_ties']:,} tied rewards {share(m['eval_accuracy_ties_half'])}.",
        highlight=False,
    )
    console.print(
        f"Mean gap {m['eval_gap_mean']:+.3f}; negative log-likelihood {m['eval_nll']:.4f} (constant rewards: 0.6931); "
        f"preferring the longer response: {with_interval(*longer)}.",
        highlight=False,
    )
    for line in (*_calibration(m), *_comparison(comparison)):
        console.print(line, markup=False, highlight=False)
    if m["eval_num_label_ties"]:
        console.print(
            f"{m['eval_num_label_ties']:,} pairs whose label is a tie are in neither accuracy.", highlight=False
        )
    if m["eval_num_without_weight"]:
        console.print(f"{m['eval_num_without_weight']:,} pairs of weight 0 were left out.", highlight=False)
    if categories := m["by_category"]:
        shown = categories[:SHOWN_CATEGORIES]
        by_longer = [
            with_interval(e["length_accuracy"], e["length_accuracy_ci_low"], e["length_accuracy_ci_high"])
            for e in shown
        ]
        console.print(_table("category", [(entry["name"], entry) for entry in shown], by_longer))
        if len(categories) > SHOWN_CATEGORIES:
            console.print(f"... and {len(categories) - SHOWN_CATEGORIES} more in metrics.json")
    lengths = [(f"{entry['from']:+,} to {entry['to']:+,}", entry) for entry in m["by_length_difference"]]
    console.print(_table("preferred response longer by (characters)", lengths))


def print_states(numbers: StateNumbers, console: Console, whose: str = "The head") -> None:
    """How the states lie that a model's head reads."""
    n = numbers
    console.print(
        f"{whose} reads {n['num_dimensions']:,} numbers; on {n['num_pairs']:,} pairs their effective rank is "
        f"{decimal(n['effective_rank'], 1)}, uniformity {decimal(n['uniformity'])}. {state_finding(n)}.",
        markup=False,
        highlight=False,
    )


def print_samples(numbers: NamedSamples, console: Console, other: ComparedSamples | None) -> None:
    """What the rewards would choose among a policy's responses."""
    lines = (
        f"{numbers['num_responses']:,} responses to {numbers['num_prompts']:,} prompts of {numbers['dataset']}. "
        f"{sample_finding(numbers)}.",
        *sample_sentences(numbers, other),
    )
    for line in lines:
        console.print(line, markup=False, highlight=False)
    heads = ["n", "KL", "length"]
    if numbers["num_gold_prompts"]:
        heads += ["gold", "possible", *(["other"] if other else [])]
    columns = (Column(head, justify="right", no_wrap=True) for head in heads)
    table = Table(*columns, title="The best of n", title_justify="left")
    for row in best_rows(numbers, other):
        table.add_row(*(row.n, row.kl_bound, row.length, row.gold, row.possible, row.other)[: len(heads)])
    console.print(table)


def print_views(numbers: NamedViews, console: Console, differences: ViewDifferences | None) -> None:
    """Accuracy by labels, second labels, and where both agree."""
    line = f"{coverage_words(numbers)} {view_finding(numbers)}."
    console.print(line, markup=False, highlight=False)
    heads = ["accuracy by", "pairs", "ties half", "above the labels", *(["above the other"] if differences else [])]
    table = Table(heads[0], *(Column(head, justify="right") for head in heads[1:]))
    for row in view_rows(numbers, differences):
        table.add_row(*(row.name, row.pairs, row.accuracy, row.above, row.against)[: len(heads)])
    console.print(table)


def share(value: float | None) -> str:
    """``0.6667``, or a dash where there is no number."""
    return "-" if value is None else f"{value:.4f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """``0.6667 [0.6012, 0.7307]``."""
    return share(value) if low is None or high is None else f"{share(value)} [{low:.4f}, {high:.4f}]"


def _calibration(m: Calibration) -> Iterator[str]:
    yield (
        f"Calibration error of sigmoid(gap) {m['eval_ece']:.4f}, where about {m['eval_ece_by_chance']:.4f} is chance; "
        f"Brier score {m['eval_brier']:.4f}."
    )
    if m["eval_temperature"] is None:
        yield f"No temperature: {m['eval_temperature_note']}."
        return
    ends = (m["eval_temperature"], m["eval_temperature_ci_low"], m["eval_temperature_ci_high"])
    line = f"Temperature {with_interval(*ends)}"
    if m["eval_ece_at_temperature"] is not None:
        line += (
            f"; on prompts that it has not seen, calibration error {m['eval_ece_at_temperature']:.4f}, "
            f"negative log-likelihood {m['eval_nll_at_temperature']:.4f}"
        )
    yield f"{line}."
    if m["eval_kept_temperature"] is not None:
        in_sample = ", fitted on this set (in-sample)" if m.get("kept_temperature_in_sample") else ""
        yield (
            f"At the temperature {m['eval_kept_temperature']:.4f} that the model carries{in_sample}: calibration error "
            f"{m['eval_ece_at_kept_temperature']:.4f}, negative log-likelihood {m['eval_nll_at_kept_temperature']:.4f}."
        )


def _comparison(found: NamedComparison | None) -> Iterator[str]:
    if found is None:
        return
    yield (
        f"Against {found['reward_model']} on the same pairs: only this model is right on "
        f"{found['num_only_first_right']:,}, only the other on {found['num_only_second_right']:,}."
    )
    for name, words in MEASURES.items():
        entry = found[name]
        difference = entry["difference"]
        if difference is not None:
            low, high = entry["difference_low"], entry["difference_high"]
            interval = "" if low is None or high is None else f" [{low:+.4f}, {high:+.4f}]"
            verdict = "" if entry["is_clear"] else ", not clear"
            yield (
                f"  {words} {entry['first']:.4f} against {entry['second']:.4f}: "
                f"difference {difference:+.4f}{interval}{verdict}"
            )


def _table(what: str, entries: Sequence[tuple[str, Slice]], longer: Sequence[str] = ()) -> Table:
    """``longer``: what preferring the longer response gives, for each entry."""
    table = Table(what, "pairs", "accuracy", *["longer wins"] * bool(longer), "ties", "mean gap")
    for column in table.columns[1:]:
        column.justify = "right"
    for index, (name, entry) in enumerate(entries):
        accuracy = with_interval(entry["accuracy"], entry["accuracy_ci_low"], entry["accuracy_ci_high"])
        ends = (f"{entry['num_ties']:,}", f"{entry['gap_mean']:+.3f}")
        table.add_row(escape(name), f"{entry['count']:,}", accuracy, *longer[index : index + 1], *ends)
    return table
