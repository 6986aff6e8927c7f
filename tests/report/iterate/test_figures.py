from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.report.iterate import path_figures as paths
from rewardsmith.report.iterate.path_figures import gold_finding, path_figures, proxy_finding
from rewardsmith.report.iterate.paths import smooth_paths
from rewardsmith.report.iterate.round_figures import accuracy_figure, gap_figure, match_figure


def lines_of(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """Figure -> what its lines are drawn from, in place of a picture."""
    drawn = {}

    def keep(name: str, finding: str, what: str, lines: Any, tests: Any, *others: Any) -> Any:
        drawn[name] = lines, tests
        return name

    monkeypatch.setattr(paths, "_figure", keep)
    return drawn


def test_gold_stands_above_the_proxy_over_the_same_axis(run: dict[str, Any]) -> None:
    gold, proxy = path_figures(run)
    assert gold.title == "Gold goes from 0.40 to 0.53 after round 2, then to 0.31"
    assert proxy.title == "The proxy reward rises in every round"
    assert [entry.text for entry in gold.legend] == ["round 1", "round 2", "round 3"]
    assert "Highest on the way: 0.5" in gold.caption and " in round 2, at roll-out " in gold.caption
    assert "after round 3: gold 0.31 (0.28 to 0.34), KL 17.5 nats" in str(gold.wide)


def test_gold_of_a_few_roll_outs_is_drawn_without_a_peak(run: dict[str, Any]) -> None:
    for each in run["rounds"]:
        each["path"] = each["path"][:11]
    gold, _ = path_figures(run)
    assert gold.caption.startswith("Mean gold of the roll-outs, 1 at a time. Dots: ")


def test_one_reward_model_for_all_rounds_has_one_zero(run: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = lines_of(monkeypatch)
    path_figures(run)
    starts = [next(row["y"] for row in drawn["proxy"][0] if row["round"] == number) for number in "123"]
    assert starts == [0, 0, 0]
    path_figures(run | {"adapt": "none"})
    starts = [next(row["y"] for row in drawn["proxy"][0] if row["round"] == number) for number in "123"]
    assert starts[0] == 0 < starts[1] < starts[2]


def test_distances_to_other_references_do_not_share_an_axis_with_the_tests(
    run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = lines_of(monkeypatch)
    path_figures(run)
    assert [row["x"] for row in drawn["gold"][1]] == [0, *(pytest.approx(kl**0.5, abs=1e-4) for kl in (3.2, 8.1, 17.5))]
    path_figures(run | {"reference": "last"})
    assert drawn["gold"][1] == []


def test_without_gold_only_the_proxy_is_drawn(run: dict[str, Any]) -> None:
    for each in run["rounds"]:
        each["path"] = [point | {"gold": None} for point in each["path"]]
    assert [figure.name for figure in path_figures(run)] == ["path-proxy"]
    for each in run["rounds"]:
        each["path"] = []
    assert path_figures(run) == []


@pytest.mark.parametrize(
    ("golds", "words"),
    [
        ((0.4, 0.45, 0.5, 0.6), "Gold goes from 0.40 to 0.60, its highest, by the last round"),
        ((0.4, 0.39, 0.3, 0.2), "Gold is highest for the first policy: 0.40, and 0.20 for the last"),
    ],
)
def test_the_title_says_what_became_of_gold(run: dict[str, Any], golds: tuple[float, ...], words: str) -> None:
    for policy, gold in zip((run["start"], *(each["policy"] for each in run["rounds"])), golds, strict=True):
        policy["gold"] = {"value": gold, "low": None, "high": None}
    assert gold_finding(run) == words


def test_a_round_without_a_rise_is_counted_out(run: dict[str, Any]) -> None:
    path = run["rounds"][1]["path"]
    run["rounds"][1]["path"] = [
        there | {"reward": back["reward"]} for there, back in zip(path, path[::-1], strict=True)
    ]
    assert proxy_finding(smooth_paths(run["rounds"])) == "The proxy reward rises in 2 of 3 rounds"


def test_wins_ties_and_losses_fill_a_bar(run: dict[str, Any]) -> None:
    figure = match_figure(run)
    assert figure is not None
    assert figure.title == "Round 2 wins most, with 68% (62 to 76%) against the first policy, ties half"
    assert "round 2 against round 1: lose 40%" in str(figure.wide)
    run["best_against_plain"] = None
    for each in run["rounds"]:
        each["policy"]["against_first"] = None
    assert match_figure(run) is None


def test_accuracy_on_the_policy_s_own_samples_is_shown_where_gold_tells(run: dict[str, Any]) -> None:
    figure = accuracy_figure(run)
    assert figure is not None
    assert figure.title.endswith("right 63% of the time in round 1 and 49% in round 3")
    assert "round 3: 49% (45 to 52%) of 768 pairs" in str(figure.wide)
    for each in run["rounds"]:
        each["reward_model"]["gold_accuracy"] = {"value": None, "low": None, "high": None}
    assert accuracy_figure(run) is None


def test_reward_differences_are_in_spreads_of_the_first_policy(run: dict[str, Any]) -> None:
    figure = gap_figure(run)
    assert figure is not None
    assert figure.title == "In round 3 rewards spread 0.22 times as far as on the first policy's responses"
    assert "round 3, what the newest policy writes: half from 0.10 to 0.36" in str(figure.wide)
    for each in run["rounds"]:  # another scale of rewards
        model = each["reward_model"]
        for name in ("gap_quantiles_here", "gap_quantiles_first"):
            model[name] = [8 * gap for gap in model[name]]
        model |= {"spread_here": 8 * model["spread_here"], "spread_first": 8 * model["spread_first"]}
    assert gap_figure(run) == figure


def test_rewards_that_never_differ_have_no_picture(run: dict[str, Any]) -> None:
    for each in run["rounds"]:
        each["reward_model"]["spread_first"] = 0.0
    assert gap_figure(run) is None


def test_the_sixth_round_is_told_from_the_first(run: dict[str, Any]) -> None:
    run["rounds"] = [run["rounds"][0] | {"round": number} for number in range(1, 7)]
    gold, _ = path_figures(run)
    first, *_, sixth = gold.legend
    assert (first.shape, sixth.shape) == ("line", "dashed")
    assert first.colour == sixth.colour
    assert str(gold.wide).count('stroke-dasharray="5,3"') == 1
