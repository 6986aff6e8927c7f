"""Arms of a cell as members of one forked ensemble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray

from rewardsmith.models.options import ModelOptions
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.studies.noise import forked_trainer
from rewardsmith.studies.noise.arms import Arm, Trained, TrainingTask
from rewardsmith.studies.noise.forked_trainer import ForkedTrainer, forked_base
from rewardsmith.studies.noise.held_out_likelihood import Chosen, HeldOutLabels
from rewardsmith.studies.noise.options import ForkedArmOptions, ForkedJob
from rewardsmith.studies.noise.study_pairs import PairColumns, StudyPairs
from rewardsmith.trials.splits import split_by_group
from tiny_reward_models import pair_table, save_tiny_llama, some_rows

NUMBER = 60


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ForkedJob:
    """Pairs of which a tiny model can tell the better response by a word."""
    folder = tmp_path_factory.mktemp("forked")
    rows = some_rows(NUMBER)
    for row in rows:
        row["chosen"], row["rejected"] = row["chosen"] + " good", row["rejected"] + " bad"
    pq.write_table(pair_table(rows), folder / "pairs.parquet")
    arms = ForkedArmOptions(num_train_epochs=3, learning_rate=1e-2, lora_r=2)
    return ForkedJob(str(folder / "pairs.parquet"), ModelOptions(str(save_tiny_llama(folder)), max_length=64), arms)


@pytest.fixture(scope="module")
def pairs(job: ForkedJob) -> StudyPairs:
    groups = fold_groups(pq.read_table(job.pairs_file), "prompt")
    zeros = np.zeros(NUMBER)
    columns = PairColumns(np.ones(NUMBER), zeros + 0.5, zeros, zeros.astype(np.int64), np.full((NUMBER, 3), np.nan))
    responses = np.arange(2 * NUMBER).reshape(-1, 2)
    return StudyPairs(
        [Design(Candidate("none", ()), torch.zeros(NUMBER, 1))], columns, groups, groups, responses, groups
    )


def task_of(pairs: StudyPairs, reordered: NDArray[np.bool_] | None = None) -> TrainingTask:
    """A third of the labels is wrong."""
    split = split_by_group(pairs.split_groups, 0.3, 0)
    number = len(split.train)
    reordered = np.zeros(number, dtype=bool) if reordered is None else reordered
    wrong = np.random.default_rng(0).random(number) < 0.3
    train = pairs.take(split.train).reordered(reordered)
    return TrainingTask(pairs, split, reordered, train, (reordered == wrong).astype(np.float64))


def plain(task: TrainingTask) -> Arm:
    return Arm("plain", Supervision.plain(task.given))


def clean(task: TrainingTask) -> Arm:
    truth = task.train.columns.target
    return Arm("clean", Supervision.plain(truth), given=truth)


def train(job: ForkedJob, task: TrainingTask, *arms: Arm) -> list[Trained]:
    return ForkedTrainer(forked_base(job), task).train(arms)


def test_arms_of_the_same_labels_are_the_same_and_clean_ones_learn_the_truth(job: ForkedJob, pairs: StudyPairs) -> None:
    task = task_of(pairs)
    one, two, truth = train(job, task, plain(task), replace(plain(task), name="again"), clean(task))
    np.testing.assert_allclose(one.gaps, two.gaps, rtol=0, atol=1e-4)
    assert [one.name, two.name, truth.name] == ["plain", "again", "clean"]
    assert truth.gaps.shape == (len(task.split.test),)
    assert (truth.gaps > 0).mean() > 0.9
    assert truth.scale > 0


def test_an_arm_is_the_same_whoever_trains_beside_it(job: ForkedJob, pairs: StudyPairs) -> None:
    task = task_of(pairs)
    given = plain(task).supervision
    dropped = given.changed(np.arange(len(task.given)) % 3 == 0, weight=0.0)
    arms = clean(task), plain(task), Arm("drop", dropped), Arm("empty", given.changed(task.given >= 0, weight=0.0))
    for beside in train(job, task, *arms):
        alone = train(job, task, next(arm for arm in arms if arm.name == beside.name))[0]
        np.testing.assert_allclose(alone.gaps, beside.gaps, rtol=0, atol=1e-4)
        assert alone.choice == beside.choice


def test_the_order_of_the_responses_changes_nothing(job: ForkedJob, pairs: StudyPairs) -> None:
    found = []
    for reordered in (None, np.random.default_rng(1).random(len(task_of(pairs).split.train)) < 0.5):
        task = task_of(pairs, reordered)
        sign, number = np.where(task.reordered, -1.0, 1.0), len(task.reordered)
        rates = np.where(task.reordered[:, None], [[0.1, 0.3]], [[0.3, 0.1]])
        shifted = replace(Supervision.plain(task.given), margin=0.5 * sign)
        arms = plain(task), Arm("margin", shifted), Arm("aware", plain(task).supervision, "noise_aware", None, rates)
        found.append([arm.gaps for arm in train(job, task, *arms)])
        assert number == len(rates)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-4)
    for other in found[0][1:]:
        assert np.abs(other - found[0][0]).max() > 1e-2  # margins and rates are learned


def test_nothing_is_learned_from_the_held_out_fold_but_the_choice(
    job: ForkedJob, pairs: StudyPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(pairs)
    held_out = task.split.inner_fold == forked_trainer.HELD_OUT_FOLD
    all_alike = "likelihood", lambda self, gaps: np.zeros(gaps.shape[1])  # so the first epoch is chosen
    monkeypatch.setattr(HeldOutLabels, *all_alike)
    other = replace(task, given=np.where(held_out, 1 - task.given, task.given))
    one, two = train(job, task, plain(task))[0], train(job, other, plain(other))[0]
    np.testing.assert_array_equal(one.gaps, two.gaps)
    assert one.scale != two.scale  # of the labels there


def test_every_arm_is_tested_as_it_was_after_the_epoch_that_held_out_labels_like_best(
    job: ForkedJob, pairs: StudyPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(pairs)
    shown: list[int] = []

    def after(epochs: list[int]) -> list[Trained]:
        def choose(self: HeldOutLabels, gaps: list[NDArray[np.float64]]) -> Chosen:
            shown.extend(len(own) for own in gaps)
            return Chosen(np.array(epochs), np.array([2.0, 3.0]))

        monkeypatch.setattr(HeldOutLabels, "choose", choose)
        return train(job, task, plain(task), clean(task))

    one, two = after([0, 1]), after([2, 1])
    assert [arm.choice for arm in (*one, *two)] == ["epoch 1", "epoch 2", "epoch 3", "epoch 2"]
    assert [arm.at_end_of_grid for arm in (*one, *two)] == [True, False, True, False]
    assert [arm.scale for arm in one] == [2.0, 3.0]
    np.testing.assert_array_equal(one[1].gaps, two[1].gaps)
    assert np.abs(one[0].gaps - two[0].gaps).max() > 1e-2
    assert set(shown) == {int((task.split.inner_fold == forked_trainer.HELD_OUT_FOLD).sum())}


def test_pairs_that_are_the_same_twice_are_neither_learned_nor_judged(
    job: ForkedJob, pairs: StudyPairs, tmp_path: Path
) -> None:
    table, task = pq.read_table(job.pairs_file), task_of(pairs)
    learned = task.split.train[task.split.inner_fold != forked_trainer.HELD_OUT_FOLD]
    rows = table.to_pylist()
    for i in (*learned[:4], *task.split.test[:4]):
        rows[i]["rejected"] = rows[i]["chosen"]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "pairs.parquet")
    other = replace(job, pairs_file=str(tmp_path / "pairs.parquet"))
    heavy = plain(task).supervision.changed(np.isin(task.split.train, learned[:4]), weight=100.0)
    arm, same = train(other, task, plain(task), Arm("heavy", heavy))
    np.testing.assert_array_equal(arm.gaps, same.gaps)
    assert (arm.gaps[:4] == 0).all() and (arm.gaps[4:] != 0).all()


def test_an_arm_without_pairs_says_nothing(job: ForkedJob, pairs: StudyPairs) -> None:
    task = task_of(pairs)
    nothing = replace(plain(task).supervision, weight=np.zeros(len(task.given)))
    assert np.abs(train(job, task, plain(task), Arm("empty", nothing))[1].gaps).max() < 1e-6


def test_a_set_is_read_once_in_a_process(job: ForkedJob) -> None:
    assert forked_base(job) is forked_base(job)
