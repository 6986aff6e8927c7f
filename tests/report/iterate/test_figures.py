from __future__ import annotations

import re
from typing import Any

import pytest

from rewardsmith.report.iterate.path_figures import gain_finding, gold_finding, path_figures
from rewardsmith.report.iterate.round_figures import accuracy_figure, gap_figure, match_figure
from rewardsmith.report.svg import Figure


def drawn_rounds(figure: Figure) -> int:
    """How many rounds have a thin line."""
    return len(re.findall(r'<path[^>]*opacity="0.7"', str(figure.wide)))


def test_gold_stands_above_the_proxy_over_the_same_axis(run: dict[str, Any]) -> None:
    gold, proxy = path_figures(run)
    assert gold.title == "Gold goes from 0.40 to 0.53 after round 2, then to 0.31"
    assert proxy.title == "The proxy reward ends 3.1 standard deviations above the first policy's, its highest"
    for figure in (gold, proxy):
        assert "square root of the KL to the first policy" in str(figure.wide)
        assert [entry.text for entry in figure.legend] == ["first policy, and after each round", "roll-outs on the way"]
        assert all(f">{number}<" in str(figure.wide) for number in (1, 2, 3))
    assert "Highest on the way: 0.5" in gold.caption and " in round 2, at roll-out " in gold.caption
    assert "after round 3: gold 0.31 (0.28 to 0.34), KL 17.5 nats" in str(gold.wide)
    assert "after round 3: gain 3.1 standard deviations, KL 17.5 nats" in str(proxy.wide)


def test_gold_of_a_few_roll_outs_is_drawn_without_a_peak(run: dict[str, Any]) -> None:
    for each in run["rounds"]:
        each["path"] = each["path"][:11]
    gold, _ = path_figures(run)
    assert gold.caption.endswith("Thin lines: the roll-outs on the way, 1 at a time.")


def test_roll_outs_whose_distance_is_to_another_policy_are_not_drawn(run: dict[str, Any]) -> None:
    assert [drawn_rounds(figure) for figure in path_figures(run)] == [3, 3]
    for each in run["rounds"][1:]:
        each["path_from_first"] = False
    figures = path_figures(run)
    assert [drawn_rounds(figure) for figure in figures] == [1, 1]
    assert all(
        "of 2 rounds they are not drawn: the KL on the way is counted from another" in f.caption for f in figures
    )
    assert all(f">{number}<" in str(figure.wide) for figure in figures for number in (1, 2, 3))
    run["rounds"][0]["path_from_first"] = False
    assert [(drawn_rounds(figure), len(figure.legend)) for figure in path_figures(run)] == [(0, 1), (0, 1)]


def test_rounds_that_lie_on_each_other_share_a_label(run: dict[str, Any]) -> None:
    last = run["rounds"][2]
    run["rounds"] += [{**last, "round": number, "path": []} for number in (4, 5)]
    for figure in path_figures(run):
        assert ">3 to 5<" in str(figure.wide) and ">2<" in str(figure.wide) and ">5<" not in str(figure.wide)


def test_without_gold_only_the_proxy_is_drawn(run: dict[str, Any]) -> None:
    for each in run["rounds"]:
        each["path"] = [point | {"gold": None} for point in each["path"]]
        each["policy"]["gold"] = {"value": None, "low": None, "high": None}
    assert [figure.name for figure in path_figures(run)] == ["path-gain"]
    assert path_figures(run | {"rounds": []}) == []


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


def test_the_title_says_where_the_proxy_ends(run: dict[str, Any]) -> None:
    for gains, words in (
        ((0.9, 1.2), "1.2 standard deviations above the first policy's, its highest"),
        ((0.9, 0.4), "0.4 standard deviations above the first policy's"),
        ((0.9, -0.4), "0.4 standard deviations below the first policy's"),
    ):
        for each, gain in zip(run["rounds"][1:], gains, strict=True):
            each["policy"]["reward_gap_first"] = gain
        assert gain_finding(run) == f"The proxy reward ends {words}"


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
