from __future__ import annotations

from typing import Any

from rewardsmith.report.iterate.paths import Peak, peak_of, smooth_paths


def one(number: int, golds: list[float | None]) -> dict[str, Any]:
    """A round whose KL and reward are the number of the roll-out."""
    path = [
        {"rollout": i, "kl": float(i), "reward": 0.0, "reward_gap_first": float(i), "gold": gold}
        for i, gold in enumerate(golds)
    ]
    return {"round": number, "path": path}


def test_a_point_is_the_mean_of_at_most_five_roll_outs() -> None:
    [path] = smooth_paths([one(1, [0.5] * 40)])  # type: ignore[list-item]
    assert path.width == 5
    assert path.kls.tolist()[:2] == [2, 3]
    assert len(path.kls) == 36


def test_short_rounds_are_smoothed_less_and_all_alike() -> None:
    long, short = smooth_paths([one(1, [0.5] * 40), one(2, [0.5] * 13)])  # type: ignore[list-item]
    assert (long.width, short.width) == (2, 2)
    [single] = smooth_paths([one(1, [0.5] * 3)])  # type: ignore[list-item]
    assert single.kls.tolist() == [0, 1, 2]


def test_the_peak_is_the_highest_mean_of_all_rounds() -> None:
    falls = [0.4] * 12
    rises = [0.4, 0.4, 0.4, 0.5, 0.6, 0.6, 0.3, 0.3, 0.3, 0.9, 0.0, 0.0]
    assert peak_of(smooth_paths([one(1, falls), one(2, rises)])) == Peak(  # type: ignore[list-item]
        round=2, at_rollout=5, num_rollouts=12, gold=0.6, kl=4.5
    )


def test_without_gold_there_is_no_peak_and_without_a_path_nothing() -> None:
    paths = smooth_paths([one(1, [0.4, None, 0.4]), one(2, [])])  # type: ignore[list-item]
    assert [path.round for path in paths] == [1]
    assert paths[0].golds is None
    assert peak_of(paths) is None
    assert peak_of([]) is None
    assert smooth_paths([]) == []


def test_no_peak_is_told_of_single_roll_outs() -> None:
    assert peak_of(smooth_paths([one(1, [0.4] * 10 + [0.9])])) is None
    assert peak_of(smooth_paths([one(1, [0.4] * 10 + [0.9, 0.9])])) is not None
