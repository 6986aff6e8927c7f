import pytest

from rewardsmith.strength.ensembles.kinds import KINDS
from rewardsmith.strength.options import MemberOptions, SelfAuditOptions, StrengthOptions


@pytest.mark.parametrize(("ensemble", "judges"), [("probe", 10), ("full", 4), ("forked", 4)])
def test_judges_depend_on_the_ensemble_unless_named(ensemble, judges):
    assert StrengthOptions(ensemble=ensemble).judges == judges
    assert StrengthOptions(ensemble=ensemble, num_judges=3).judges == 3


def test_members_are_weighed_at_random_except_in_the_papers_own_ensemble():
    auto = MemberOptions()
    assert auto.bootstraps(StrengthOptions(ensemble="full"))
    assert auto.bootstraps(StrengthOptions(ensemble="forked", crossfit="none"))
    paper = StrengthOptions(ensemble="full", crossfit="none")
    assert not auto.bootstraps(paper)
    assert MemberOptions(bootstrap="on").bootstraps(paper)
    assert not MemberOptions(bootstrap="off").bootstraps(StrengthOptions(ensemble="full"))


def test_adapters_learn_faster_unless_a_rate_is_named():
    full, forked = KINDS["full"].models, KINDS["forked"].models
    kinds = ((full, False), (full, True), (forked, False))
    usual = [MemberOptions().training(*kind).learning_rate for kind in kinds]
    assert usual == sorted(set(usual))
    assert MemberOptions().training(forked, True) == MemberOptions().training(forked, False)
    assert [MemberOptions(learning_rate=0.5).training(*kind).learning_rate for kind in kinds] == [0.5] * 3


@pytest.mark.parametrize(("ensemble", "rate"), [("probe", 0.2), ("forked", 0.2), ("given", 0.2), ("full", 0.0)])
def test_flips_are_planted_unless_it_costs_two_more_trainings(ensemble, rate):
    assert SelfAuditOptions().rate(KINDS[ensemble]) == rate
    assert SelfAuditOptions(planted_rate=0.1).rate(KINDS[ensemble]) == 0.1
