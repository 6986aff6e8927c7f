from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.metrics.stability import StabilityNumbers
from rewardsmith.contracts.tables import PAIRS
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.simulation.features import SimulatedFeatures, simulate_features
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.ensembles import probe_ensemble
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.ensemble import EnsembleInputs, Truncation
from rewardsmith.strength.ensembles.given import GivenEnsemble
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe_ensemble import PairFeatures, ProbeEnsemble
from rewardsmith.strength.numbers import stability
from rewardsmith.strength.numbers.stability import counted, draw_groups, stability_numbers
from rewardsmith.strength.options import MemberOptions, StrengthOptions


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    set_quiet(True)
    yield
    set_quiet(False)


def table(targets: list[float]) -> pa.Table:
    rows = [{"pair_id": str(i), "row": i, "target": t, "weight": 1.0} for i, t in enumerate(targets)]
    return pa.Table.from_pylist(rows, schema=PAIRS)


def inputs(num_pairs: int, groups: Any, num_folds: int = 5) -> EnsembleInputs:
    return EnsembleInputs(
        pairs=table([1.0] * num_pairs),
        groups=groups,
        folder=Path("nowhere"),
        pairs_file=Path("nowhere"),
        strength=StrengthOptions(num_folds=num_folds),
        members=MemberOptions(),
        model=ModelOptions(),
        lora=LoraOptions(),
    )


def probes(
    simulated: SimulatedFeatures, monkeypatch: pytest.MonkeyPatch, groups: Any = None, num_folds: int = 5
) -> ProbeEnsemble:
    """Judges of simulated features, as if a model had read them."""
    rows = torch.from_numpy(simulated.features_chosen - simulated.features_rejected)
    designs = [Design(Candidate("simulated", ()), rows / rows.square().sum(1).mean().sqrt())]
    monkeypatch.setattr(probe_ensemble, "pair_features", lambda *_: PairFeatures(designs, Truncation(0.0, 512)))
    return ProbeEnsemble(inputs(len(simulated.target), simulated.group if groups is None else groups, num_folds))


def audited_by_oracle(gap: Any, groups: Any) -> Audited:
    gaps = np.repeat(np.asarray(gap, dtype=np.float32)[:, None], 3, axis=1)
    judged = Judgements(gaps, np.zeros(gaps.shape, dtype=bool), ("oracle",) * 3)
    return audit_pairs(table([1.0] * len(gaps)), judged, groups)


def stability_by_oracle(audited: Audited, groups: Any, seed: int = 0) -> StabilityNumbers | None:
    ensemble = GivenEnsemble(inputs(len(groups), groups))
    return stability_numbers(ensemble, audited, np.ones(len(groups), dtype=np.float32), groups, seed)


def some_gaps(num: int, wrong: float = 0.2, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(size=num)) * 3 * np.where(rng.random(num) < wrong, -1, 1)


@pytest.fixture(scope="module")
def measured() -> Any:
    """A set of 480 pairs with good judges, its audit, and how stable it is."""
    simulated = simulate_features(480, 8, gap_std=4.0, unexplained=0.05, flip_rate=0.2, seed=4)
    with pytest.MonkeyPatch.context() as monkeypatch:
        ensemble = probes(simulated, monkeypatch)
        audited = audit_pairs(table([1.0] * 480), ensemble.judge(simulated.target, 0), simulated.group)
    return simulated, audited, stability_numbers(ensemble, audited, simulated.target, simulated.group, 0), ensemble


class TestDraws:
    def test_groups_come_as_wholes_and_as_often_as_they_are_drawn(self) -> None:
        groups = np.repeat(np.arange(100), np.arange(100) % 4 + 1)
        rows, draws = draw_groups(groups, np.random.default_rng(0))
        for draw in range(draws.max() + 1):
            own = rows[draws == draw]
            assert own.tolist() == np.flatnonzero(groups == groups[own[0]]).tolist()
        times = np.bincount([groups[rows[draws == draw][0]] for draw in range(draws.max() + 1)], minlength=100)
        assert times.max() > 1 and (times == 0).mean() == pytest.approx(np.exp(-1), abs=0.1)

    def test_there_are_as_many_rows_as_in_the_set_but_for_a_rest_of_a_group(self) -> None:
        groups = np.repeat(np.arange(30), 5)
        for seed in range(5):
            assert len(draw_groups(groups, np.random.default_rng(seed))[0]) == 150
        uneven = np.repeat(np.arange(40), np.arange(40) + 1)
        assert 0 <= len(draw_groups(uneven, np.random.default_rng(0))[0]) - len(uneven) < 40

    def test_a_draw_has_groups_enough_to_fit_across(self) -> None:
        groups = np.repeat(np.arange(15), [400] + 14 * [5])  # one draw in 15 begins with the giant
        drawn = [np.unique(groups[draw_groups(groups, np.random.default_rng(seed))[0]]) for seed in range(300)]
        assert min(map(len, drawn)) == 3


class TestRejudging:
    def test_copies_of_a_group_stay_in_one_fold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        simulated = simulate_features(120, 8, seed=1)
        rows, _ = draw_groups(simulated.group, np.random.default_rng(0))
        judged = probes(simulated, monkeypatch).rejudge(rows, simulated.target, 0)
        assert judged is not None
        assert judged.gaps.shape == (len(rows), 20)
        for group in np.unique(simulated.group[rows]):
            assert len(np.unique(judged.trained[simulated.group[rows] == group], axis=0)) == 1

    def test_labels_that_follow_nothing_are_not_agreed_with(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a copy teaches who judges the other one, they are: of these 100 features, one knows every label."""
        simulated = simulate_features(200, 100, seed=2)
        target = np.random.default_rng(0).integers(2, size=200).astype(np.float32)
        rows, _ = draw_groups(simulated.group, np.random.default_rng(0))
        judged = probes(simulated, monkeypatch).rejudge(rows, target, 0)
        assert judged is not None
        agreed = (judged.held_out().mean > 0) == (target[rows] > 0.5)
        assert agreed.mean() < 0.6

    def test_a_resample_with_fewer_groups_than_folds_is_judged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        simulated = simulate_features(80, 4, seed=3)
        groups = np.arange(80) // 5
        rows = np.flatnonzero(groups < 9)
        judged = probes(simulated, monkeypatch, groups, num_folds=16).rejudge(rows, simulated.target, 0)
        assert judged is not None and judged.gaps.shape == (45, 36)


class TestStability:
    def test_ranges_hold_the_counts_and_what_was_planted(self, measured: Any) -> None:
        simulated, audited, found, _ = measured
        assert found["refitted"] and found["num_resamples"] == 20
        for name in ("flagged", "ambiguous", "strong"):
            own = round(counted(audited)[name] * 480)
            assert 0 <= found[name]["low"] <= own <= found[name]["high"] <= 480
        assert found["flagged"]["low"] < found["flagged"]["high"]
        assert found["share"]["low"] < simulated.wrong.mean() < found["share"]["high"]

    def test_counts_are_those_of_the_table(self, measured: Any) -> None:
        _, audited, _, _ = measured
        p_wrong, classes = audited.table["p_wrong"].to_numpy(), audited.table["strength_class"].to_pylist()
        found = counted(audited)
        assert found["flagged"] == (p_wrong > 0.5).sum() / 480 > 0
        assert found["strong"] == classes.count("strong") / 480 > 0
        assert counted(audited.at("reading_order"))["flagged"] == found["flagged"]

    def test_one_seed_gives_one_result(self, measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stability, "NUM_RESAMPLES", 3)
        simulated, audited, _, ensemble = measured
        found = [stability_numbers(ensemble, audited, simulated.target, simulated.group, seed) for seed in (0, 0, 1)]
        assert found[0] == found[1] != found[2]

    def test_judges_that_cannot_be_refitted_keep_their_gaps(self) -> None:
        groups = np.arange(200) // 2
        audited = audited_by_oracle(some_gaps(200), groups)
        found = stability_by_oracle(audited, groups)
        assert found is not None and not found["refitted"]
        assert found["flagged"]["low"] < round(counted(audited)["flagged"] * 200) < found["flagged"]["high"]

    def test_groups_vary_more_than_as_many_pairs(self) -> None:
        """Where the judges are sure of whole groups or of none of them, 25 groups say less than 250 pairs do."""
        gap = 3 * np.repeat(np.random.default_rng(0).normal(size=25) ** 2, 10)
        width = {}
        for name, groups in (("grouped", np.arange(250) // 10), ("alone", np.arange(250))):
            found = stability_by_oracle(audited_by_oracle(gap, groups), groups)
            assert found is not None
            width[name] = found["strong"]["high"] - found["strong"]["low"]
        assert width["grouped"] > 1.5 * width["alone"]

    def test_counts_are_those_of_a_set_of_its_size(self) -> None:
        """Draws of uneven groups have more rows than the set, and a count cannot exceed its pairs."""
        groups = np.repeat(np.arange(20), np.arange(20) + 1)
        found = stability_by_oracle(audited_by_oracle(np.full(210, 8.0), groups), groups)
        assert found is not None
        assert found["strong"] == {"low": 210, "high": 210}
        assert found["flagged"] == found["ambiguous"] == {"low": 0, "high": 0}

    @pytest.mark.parametrize(
        ("num_pairs", "num_groups", "level", "there"),
        [
            (499, 250, "labels_judged", True),
            (500, 250, "labels_judged", False),
            (100, 15, "reading_order", False),
            (100, 14, "reading_order", False),
            (100, 50, "cannot_tell", False),
        ],
    )
    def test_it_is_there_where_counts_are_few_and_can_be_told(
        self, num_pairs: int, num_groups: int, level: Any, there: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stability, "NUM_RESAMPLES", 2)
        groups = np.arange(num_pairs) % num_groups
        audited = audited_by_oracle(some_gaps(num_pairs), groups).at(level)
        assert (stability_by_oracle(audited, groups) is not None) == there

    def test_ties_are_no_judged_labels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stability, "NUM_RESAMPLES", 2)
        groups = np.arange(520) // 2
        judged = audited_by_oracle(some_gaps(520), groups).judged
        audited = audit_pairs(table([0.5] * 40 + [1.0] * 480), judged, groups)
        found = stability_by_oracle(audited, groups)
        assert found is not None and found["ambiguous"]["high"] >= 40
