from dataclasses import replace

import numpy as np
import pytest
from random_evidence import random_evidence

from rewardsmith.refining.effects import (
    audited_numbers,
    counted_twice,
    effects,
    group_effects,
    length_balance,
    pair_counts,
)
from rewardsmith.refining.recipe import apply_recipe, load_recipe, read_recipe
from rewardsmith.refining.supervision import Supervision


def made(target: list[float], weight: list[float], margin: float = 0.0) -> Supervision:
    number = len(target)
    return Supervision(np.array(target), np.full(number, margin), np.array(weight), np.zeros(number, dtype=bool))


def test_pairs_are_counted_by_how_they_changed():
    given = made([0, 1, 1, 1, 1], [1, 1, 1, 1, 2])
    now = made([0, 0, 0.8, 0.3, 1], [1, 1, 1, 0, 1])
    counts = pair_counts(given, now)
    assert counts["num_unchanged"] + counts["num_changed"] == counts["num_pairs"] == 5
    assert {name: counts[f"num_{name}"] for name in ("turned", "softened", "dropped", "reweighted", "with_margin")} == {
        "turned": 2,
        "softened": 2,
        "dropped": 1,
        "reweighted": 1,
        "with_margin": 0,
    }
    assert (counts["weight_given"], counts["weight"], counts["effective_pairs"]) == (6.0, 4.0, 4.0)


def test_length_counts_by_weight_and_target_and_leaves_equal_lengths_out():
    longer = np.array([1.0, -1.0, 0.0, 1.0])
    given, now = made([1, 1, 1, 1], [1, 1, 1, 1]), made([1, 0, 1, 0.5], [1, 2, 1, 1])
    balance = length_balance(longer, given, now)
    assert balance["num_pairs"] == 3
    assert balance["longer_is_better_given"] == pytest.approx(2 / 3)
    assert balance["longer_is_better"] == pytest.approx((1 + 2 + 0.5) / 4)
    assert length_balance(np.zeros(4), given, now) is None


def test_groups_are_told_by_size_with_what_happened_to_them():
    given, now = made([1, 1, 1, 1], [1, 1, 1, 1]), made([1, 0, 1, 1], [1, 1, 0, 1])
    found = group_effects(["a", "b", "b", None], given, now, max_named=5)
    assert found is not None
    assert [(row["name"], row["count"], row["num_turned"], row["num_dropped"]) for row in found] == [
        ("b", 2, 1, 1),
        ("a", 1, 0, 0),
    ]
    assert [row["weight_share"] for row in found] == pytest.approx([1 / 3, 1 / 3])
    assert group_effects([None] * 4, given, now, max_named=5) is None


SOFT, SMOOTH, MARGIN = "{rule: soft_label}", "{rule: smooth}", "{rule: adaptive_margin}"
DOUBTED = "where: {p_wrong: [0.5, null]}"


@pytest.mark.parametrize(
    ("rules", "who"),
    [
        ([SOFT, MARGIN], "judged"),
        ([MARGIN, SOFT, SMOOTH], "judged"),
        ([f"{{rule: smooth, {DOUBTED}}}", MARGIN], "doubted"),
        ([f"{{rule: tie, {DOUBTED}}}", MARGIN], "doubted"),
        ([MARGIN, f"{{rule: tie, {DOUBTED}}}"], "nobody"),
        ([SMOOTH, MARGIN], "nobody"),
        ([f"{{rule: flip, {DOUBTED}}}", SMOOTH, MARGIN], "nobody"),
        (["{rule: soft_label, from: votes}", MARGIN], "nobody"),
        (["{rule: decisions, where: {p_wrong: [0.5, null], decision: [flip]}}", SMOOTH, MARGIN], "nobody"),
        ([SOFT], "nobody"),
    ],
)
def test_only_what_the_same_judges_say_in_both_numbers_counts_twice(rules, who):
    evidence, given = random_evidence(500)
    judged = evidence.decided & ~np.isnan(evidence.strength_mean) & ~np.isnan(evidence.p_wrong)
    expected = {"judged": judged, "doubted": judged & (evidence.p_wrong >= 0.5), "nobody": np.zeros(500, dtype=bool)}
    recipe = read_recipe("rules:\n" + "".join(f"  - {rule}\n" for rule in rules), "mine")
    assert counted_twice(given, apply_recipe(recipe, evidence, given)) == expected[who].sum()
    assert expected["doubted"].any()


def test_the_effects_of_rules_add_up():
    evidence, given = random_evidence(500)
    refined = apply_recipe(load_recipe("flip_wrong"), evidence, given)
    found = effects(evidence, given, refined, max_named=1)
    assert [rule["rule"] for rule in found["rules"]] == ["flip", "soft_label"]
    assert sum(rule["num_selected"] for rule in found["rules"]) == int((evidence.p_wrong >= 0.5).sum())
    assert all(0 < rule["num_changed"] <= rule["num_selected"] for rule in found["rules"])
    assert found["rules"][0]["parameters"] == {"where": {"p_wrong": [0.9, None]}}
    assert len(found["categories"]) == 1


@pytest.mark.parametrize(("recipe", "structured"), [("flip", False), ("structured_flip_wrong", True), ("drop", False)])
def test_what_the_audit_doubts_is_counted_beside_what_was_done(recipe, structured):
    evidence, given = random_evidence(500)
    refined = apply_recipe(load_recipe(recipe), evidence, given)
    found = audited_numbers(evidence, given, refined, "labels_judged", ["one"])
    turned = (refined.supervision.target < 0.5) != (given.target < 0.5)
    turned &= evidence.decided & (refined.supervision.target != 0.5)
    dropped = (refined.supervision.weight == 0) & (given.weight > 0)
    for name in ("p_wrong", "p_wrong_structured"):
        chance = getattr(evidence, name)
        assert found[name] == {
            "num_doubted": (chance > 0.5).sum(),
            "num_turned": ((chance > 0.5) & turned).sum(),
            "num_dropped": ((chance > 0.5) & dropped).sum(),
            "expected_wrong": pytest.approx(np.nansum(chance)),
            "expected_wrong_turned": pytest.approx(np.nansum(chance[turned])),
            "expected_wrong_dropped": pytest.approx(np.nansum(chance[dropped])),
        }
    assert (turned.any(), dropped.any()) == (recipe != "drop", recipe == "drop")
    both = (evidence.p_wrong > 0.5) & (evidence.p_wrong_structured > 0.5)
    assert 0 < found["num_doubted_by_both"] == both.sum() < found["p_wrong"]["num_doubted"]
    assert (found["level"], found["warnings"], found["asks_structured"]) == ("labels_judged", ["one"], structured)


def test_an_audit_that_cannot_tell_doubts_nothing_and_an_unasked_one_has_no_structured_figure():
    evidence, given = random_evidence(100)
    refined = apply_recipe(load_recipe("flip"), evidence, given)
    numbers = ("p_wrong", "p_wrong_structured", "num_doubted_by_both")
    found = audited_numbers(evidence, given, refined, "cannot_tell", [])
    assert [found[name] for name in numbers] == [None, None, None]
    plain = replace(evidence, p_wrong_structured=np.full(100, np.nan))
    found = audited_numbers(plain, given, refined, "reading_order", [])
    assert found["p_wrong"] is not None and [found[name] for name in numbers[1:]] == [None, None]
