from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.ensembles.design import NUISANCE_SCALE, Candidate, Design, debiased
from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.pair_structure import PairStructure
from rewardsmith.strength.structured import believed, structured_audit

NUMBER = 1500
OPTIONS = StrengthOptions(num_judges=2, num_folds=3)


def made(seed=0, worths=0.0, num_responses=2 * NUMBER):
    """A design that shows the better response up to ``worths`` of each response; truth, structure, no noise yet."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(NUMBER, 8))
    responses = (
        np.arange(2 * NUMBER).reshape(-1, 2)
        if num_responses == 2 * NUMBER
        else np.stack([rng.choice(num_responses, 2, replace=False) for _ in range(NUMBER)])
    )
    worth = worths * rng.normal(size=num_responses)
    gap = 2 * rows[:, 0] + rows[:, 1] + rng.normal(size=NUMBER) + worth[responses[:, 0]] - worth[responses[:, 1]]
    structure = PairStructure(
        longer=rng.choice([-1.0, 1.0], NUMBER),
        clusters=rng.integers(4, size=NUMBER),
        groups=np.arange(NUMBER),
        together=np.arange(NUMBER),
        responses=responses,
    )
    rows = np.column_stack([rows, 0.5 * structure.longer])  # length can be seen in the features
    design = Design(Candidate("made", ()), torch.from_numpy((rows / 3).astype(np.float32)))
    return design, (gap > 0).astype(float), structure


def turned(truth, where, rate, seed=1):
    wrong = where & (np.random.default_rng(seed).random(NUMBER) < rate)
    return np.where(wrong, 1 - truth, truth), wrong


def plain_auroc(design, noisy, structure, wrong):
    judged = probe_judgements([design], noisy.astype(np.float32), structure.groups, OPTIONS, 0)
    return auroc(-as_labelled(judged.held_out().mean, noisy), wrong)


def test_a_preference_for_length_is_found_that_plain_judges_share():
    design, truth, structure = made()
    shorter_wins = (truth > 0.5) != (structure.longer > 0)
    noisy, wrong = turned(truth, shorter_wins, 0.6)
    found = structured_audit([design], noisy, structure, OPTIONS, 0)[1]
    assert found.longer_rate == pytest.approx(0.6, abs=0.1)  # 750 labels could be turned; judges are imperfect
    assert found.shorter_rate < 0.05
    assert found.p_rates_differ > 0.99
    assert auroc(found.p_wrong, wrong) > plain_auroc(design, noisy, structure, wrong) + 0.1


def test_a_cluster_that_errs_is_found_and_the_others_are_believed():
    design, truth, structure = made()
    noisy, wrong = turned(truth, structure.clusters == 2, 0.8)
    found = structured_audit([design], noisy, structure, OPTIONS, 0)[1]
    assert 0.55 < found.cluster_rates[2].mean() < 0.85  # about 375 labels; the prior draws it to the others
    assert np.delete(found.cluster_rates, 2, axis=0).max() < 0.1
    assert auroc(found.p_wrong, wrong) > plain_auroc(design, noisy, structure, wrong) + 0.05


def test_labels_that_are_right_are_believed():
    design, truth, structure = made()
    found = structured_audit([design], truth, structure, OPTIONS, 0)[1]
    assert np.nanmean(found.p_wrong) < 0.03
    assert found.p_rates_differ < 0.95


def test_other_pairs_of_the_same_responses_have_a_say():
    design, truth, structure = made(worths=2.0, num_responses=100)
    noisy, wrong = turned(truth, np.ones(NUMBER, dtype=bool), 0.2)
    alone = replace(structure, responses=np.arange(2 * NUMBER).reshape(-1, 2))
    with_graph, without = (structured_audit([design], noisy, one, OPTIONS, 0)[1] for one in (structure, alone))
    assert auroc(with_graph.p_wrong, wrong) > auroc(without.p_wrong, wrong) + 0.05


def test_the_second_judges_learn_what_the_first_ones_made_likely():
    design, truth, structure = made()
    idle = torch.randn(NUMBER, 100, generator=torch.Generator().manual_seed(0)) / 3  # something to learn by heart
    design = Design(design.candidate, torch.cat([design.rows, idle], dim=1))
    noisy, _ = turned(truth, structure.clusters == 2, 0.8)
    plain = debiased([design], structure.longer)
    first = probe_judgements(plain, noisy.astype(np.float32), structure.groups, OPTIONS, 0)
    last = structured_audit([design], noisy, structure, OPTIONS, 0)[0]
    right = [(as_labelled(judged.held_out().mean, truth) > 0).mean() for judged in (first, last)]
    assert right[1] > right[0] + 0.01


def test_ties_have_no_suspicion_and_soft_targets_are_labels():
    design, truth, structure = made()
    target = np.where(truth > 0.5, 0.9, 0.1)
    target[:30] = 0.5
    p_wrong = structured_audit([design], target, structure, OPTIONS, 0)[1].p_wrong
    assert np.isnan(p_wrong[:30]).all() and np.isfinite(p_wrong[30:]).all()


def test_judges_that_see_nothing_find_nothing():
    design, truth, structure = made()
    blind = Design(design.candidate, torch.zeros_like(design.rows))
    steps = []
    judged, found = structured_audit([blind], truth, structure, OPTIONS, 0, steps.append)
    assert found is None
    assert not judged.gaps.any()
    assert sum(steps) == OPTIONS.judges  # there was nothing to fit again to


def test_every_repeat_of_both_fits_is_counted():
    design, truth, structure = made()
    steps = []
    structured_audit([design], truth, structure, OPTIONS, 0, steps.append)
    assert sum(steps) == 2 * OPTIONS.judges


def test_belief_is_the_label_or_its_opposite_by_suspicion():
    target, p_wrong = np.array([1.0, 0.0, 0.8, 0.5, 1.0]), np.array([0.3, 0.3, 0.5, np.nan, np.nan])
    np.testing.assert_allclose(believed(target, p_wrong), [0.7, 0.3, 0.5, 0.5, 1.0])


def test_a_nuisance_column_is_learned_from_and_not_read():
    """Axes are new, products are not: of the rows with the column while learning, of the rows alone when read."""
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32))
    nuisance = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], 50)
    (design,) = debiased([Design(Candidate("made", ()), rows)], nuisance)
    column = torch.from_numpy(NUISANCE_SCALE * nuisance).float()
    torch.testing.assert_close(design.rows @ design.rows.T, rows @ rows.T + column[:, None] * column, atol=1e-3, rtol=0)
    torch.testing.assert_close(design.judged @ design.judged.T, rows @ rows.T, atol=1e-3, rtol=0)
