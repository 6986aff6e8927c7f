import numpy as np
import pytest
import torch
from random_evidence import random_evidence

from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.recipe import Recipe, read_recipe
from rewardsmith.refining.rounds import overlap, refine_in_rounds, round_metrics
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.options import StrengthOptions

FLIP: Recipe = read_recipe("name: flip\nrules:\n  - rule: flip\n    where: {p_wrong: [0.5, null]}\n", "test")


class Scripted:
    """Judges whose gap in round r has the sign of row r of ``script``; keeps what it was asked to learn."""

    def __init__(self, script):
        self.script, self.learned = np.array(script, dtype=np.float32), []

    def judge(self, target):
        gap = self.script[len(self.learned)]
        self.learned.append(target.tolist())
        return Judgements(np.stack([gap, gap], axis=1), np.zeros((len(gap), 2), dtype=bool), ("", ""))

    def run(self, max_rounds=5, target=(1.0, 1.0, 1.0, 1.0)):
        def examine(judged):
            p_wrong = 1 / (1 + np.exp(judged.gaps[:, 0].astype(np.float64)))
            return Evidence.from_judgements(np.array(target), judged, p_wrong=p_wrong)

        return refine_in_rounds(self.judge, examine, FLIP, Supervision.plain(np.array(target)), max_rounds)


def test_each_round_learns_what_the_last_one_left_and_begins_with_the_labels_as_given():
    judges = Scripted([[-1, 1, 1, 1], [-1, -1, 1, 1], [1, -1, -1, 1], [1, -1, -1, 1]])
    rounds = judges.run()
    assert judges.learned == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [1, 0, 0, 1]]  # label 0 is given back
    assert rounds[-1].refined.supervision.target.tolist() == [1, 0, 0, 1]
    assert [round_.overlap for round_ in rounds] == [None, 0.5, pytest.approx(1 / 3), 1.0]


def test_rounds_end_when_the_flagged_pairs_are_stable_or_there_have_been_enough():
    script = [[-1, 1, 1, 1], [-1, 1, 1, 1], [1, 1, 1, 1]]
    assert len(Scripted(script).run()) == 2
    assert len(Scripted(script).run(max_rounds=1)) == 1
    assert len(Scripted([[-1, 1, 1, 1], [1, 1, 1, -1]]).run(max_rounds=2)) == 2


def test_nothing_in_doubt_is_stable():
    assert len(Scripted([[1, 1, 1, 1], [2, 2, 2, 2]]).run()) == 2
    assert overlap(np.zeros(3, dtype=bool), np.zeros(3, dtype=bool)) == 1.0


def test_metrics_count_flagged_flipped_and_dropped():
    rules = [("drop", "[null, -0.5]"), ("flip", "[-0.5, 0]")]
    both = "name: both\nrules:\n" + "".join(f"  - rule: {n}\n    where: {{strength: {r}}}\n" for n, r in rules)
    evidence, given = random_evidence()
    rounds = refine_in_rounds(lambda _: None, lambda _: evidence, read_recipe(both, "test"), given, 2)
    [first, second] = round_metrics(given, rounds)
    assert first["overlap_with_last"] is None and second["overlap_with_last"] == 1.0
    assert first["num_flagged"] == int((evidence.p_wrong > 0.5).sum())
    dropped = evidence.strength(in_sample=False) < -0.5
    assert first["num_dropped"] == int((dropped & (given.weight > 0)).sum()) > 0
    flipped = (evidence.strength(in_sample=False) >= -0.5) & (evidence.strength(in_sample=False) < 0)
    assert first["num_turned"] == int(flipped.sum()) > 0
    assert (given.target < 0.5).any() and (given.weight == 0).any()  # nobody flipped or dropped those


def test_rounds_of_a_real_ensemble_end_and_do_no_harm():
    made = simulate_features(800, 24, unexplained=0.1, flip_rate=0.25, seed=3)
    rows = torch.from_numpy(made.features_chosen - made.features_rejected)
    designs = [Design(Candidate("features", ()), rows / rows.square().sum(1).mean().sqrt())]
    options = StrengthOptions(num_judges=2, num_folds=4)
    target = made.target.astype(np.float64)

    def judge(labels):
        return probe_judgements(designs, labels, made.group, options, seed=0)

    def examine(judged):
        gap = judged.held_out().mean
        noise = estimate_label_noise(gap, made.group)
        return Evidence.from_judgements(target, judged, p_wrong=noise.p_wrong(gap))

    rounds = refine_in_rounds(judge, examine, FLIP, Supervision.plain(target), 6)
    found = [auroc(-round_.evidence.strength_mean, made.flipped) for round_ in rounds]
    assert [round_.stable for round_ in rounds] == [False] * (len(rounds) - 1) + [True]
    assert found[-1] > found[0] - 0.01
    assert found[0] > 0.8
