"""Fresh labels of a round: which pairs of the policy's responses, and who says which is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.iterate import LabelNumbers, RoundNumbers
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import DataError
from rewardsmith.policy.rounds.choosing import SamplePair, choose_pairs, texts_of
from rewardsmith.policy.rounds.labelling import Labeller, decisions_by, labelled, rows_to_decide
from rewardsmith.policy.rounds.round_samples import RoundSamples, SampleScores, score_samples
from rewardsmith.policy.rounds.stop_rules import best_round, round_to_label
from rewardsmith.workflows.loop.chat_judge import open_chat_judge, ruled
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.decided import decisions_about
from rewardsmith.workflows.loop.demonstrations import demonstrate
from rewardsmith.workflows.loop.evaluation import evaluate_start, evaluated
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.reward_models import all_pairs, is_trained, reward_model, train_members


@dataclass(frozen=True)
class Waiting:
    """A person has to decide before a round goes on."""

    to_label: Path
    decisions: Path
    """Not there yet."""


def waiting(loop: Loop, number: int) -> Waiting | None:
    """Writes the pairs that a person is to decide; None where nobody is asked, or the decisions are there."""
    folder = loop.files.round(number)
    if loop.config.labelling.labels != "person" or folder.decisions.is_file():
        return None
    if not folder.to_label.is_file():
        samples, pairs = _chosen(loop, number)
        write_jsonl(folder.to_label, rows_to_decide(samples, pairs, number))
    if number == 1:
        with closing(open_scorer(str(loop.files.start.reward_model), loop.config.scoring)) as scorer:
            evaluate_start(loop, scorer)
    return Waiting(folder.to_label, folder.decisions)


def label(loop: Loop, number: int) -> Spent:
    """Writes the labels of a round. ``DataError`` where there are none, and nothing else to learn from."""
    how, folder = loop.config.labelling, loop.files.round(number)
    if how.labels == "demonstrations":
        return demonstrate(loop, number)
    decisions: Sequence[str | None]
    if how.labels == "person":
        asked = read_rows(folder.to_label)
        decisions, _ = decisions_about(folder.to_label, folder.decisions)
    else:
        samples, pairs = _chosen(loop, number)
        asked = rows_to_decide(samples, pairs, number)
        if loop.config.labels_by_chat:
            with open_chat_judge(loop.config, loop.files.paid) as judge:
                decisions = ruled(judge, samples, pairs)
            write_jsonl(folder.not_judged, (row for row, one in zip(asked, decisions, strict=True) if one is None))
        else:
            labeller = loop.setting.gold if how.labels == "gold" else loop.setting.judge
            assert labeller is not None
            decisions = decisions_by(labeller, asked, how.flip_rate, loop.seed(number))
    if len(asked) < how.labels_per_round:
        say(f"Round {number}: {len(asked)} pairs are there to be labelled (`labels_per_round` {how.labels_per_round}).")
    fresh = labelled(asked, decisions, number, _by(loop), loop.setting.gold)
    if not fresh.rows and loop.config.rounds.preference_data == "last":
        raise DataError(f"`preference_data` last: no pair of round {number} has a label to learn from.")
    write_jsonl(folder.labels, fresh.rows)
    return Spent()


def label_numbers(loop: Loop, number: int) -> LabelNumbers | None:
    """Of the labels of a round; None without any."""
    folder = loop.files.round(number)
    if not folder.labels.is_file():
        return None
    rows = read_rows(folder.labels)
    wrong = [row["meta"]["truth"]["wrong"] for row in rows if "truth" in row["meta"] and "target" not in row]
    return {
        "num_pairs": len(rows),
        "num_not_judged": len(read_rows(folder.not_judged)) if loop.config.labels_by_chat else 0,
        "by": _by(loop),
        "wrong_share": float(np.mean(wrong)) if wrong else None,
    }


def write_label_next(loop: Loop, rounds: Sequence[RoundNumbers]) -> None:
    """Pairs without a label of what the best policy wrote, chosen by the newest reward model, for whoever wants to
    label some (``round_to_label``).

    How many there are is said where they are fewer than are asked for; no file is left where there are none.
    """
    how, file = loop.config.labelling, loop.files.label_next
    number = round_to_label(best_round(evaluated(loop, 0), rounds), len(rounds))
    samples = RoundSamples.of_rows(read_rows(loop.files.round(number).samples))
    known = texts_of(all_pairs(loop, len(rounds)))
    with closing(open_scorer(str(reward_model(loop, len(rounds))), loop.config.scoring)) as scorer:
        scores = score_samples(scorer, samples)
    seed = loop.seed(number + 1)  # that of the round has drawn those with a label
    pairs = choose_pairs(samples, scores, how.label_choice, how.labels_per_round, seed, known)
    if len(pairs) < how.labels_per_round:
        say(f"{len(pairs)} pairs are left to be labelled next (`labels_per_round` {how.labels_per_round}).")
    if pairs:
        write_jsonl(file, rows_to_decide(samples, pairs, number))
    else:
        file.unlink(missing_ok=True)


def _chosen(loop: Loop, number: int) -> tuple[RoundSamples, list[SamplePair]]:
    samples = RoundSamples.of_rows(read_rows(loop.files.round(number).samples))
    with _model_so_far(loop, number) as scorer:
        scores = _all_alike(samples) if scorer is None else score_samples(scorer, samples)
    how = loop.config.labelling
    return samples, choose_pairs(samples, scores, how.label_choice, how.labels_per_round, loop.seed(number))


@contextmanager
def _model_so_far(loop: Loop, number: int) -> Iterator[Scorer | None]:
    """The reward model that pairs are chosen by: of the round before; in the first, of the preferences given.

    None in the first round where no model is asked.
    """
    how = loop.config.labelling
    if number > 1:
        folder = reward_model(loop, number - 1)
    elif how.labels == "person" or how.label_choice != "random":
        folder = loop.files.start.reward_model
        if not is_trained(loop, folder):
            train_members(loop, folder, loop.material.pairs, loop.seed(0))
    else:
        yield None
        return
    with closing(open_scorer(str(folder), loop.config.scoring)) as scorer:
        yield scorer


def _all_alike(samples: RoundSamples) -> SampleScores:
    rewards = np.zeros((len(samples.prompts), samples.num_samples))
    return SampleScores(rewards, rewards[None])


def _by(loop: Loop) -> Labeller:
    labels = loop.config.labelling.labels
    assert labels != "none"
    return labels
