import pytest

from rewardsmith.errors import ConfigError
from rewardsmith.studies.noise.methods import (
    ALL,
    CLEAN,
    PLAIN,
    Method,
    parse_method,
    parse_methods,
    recipe_fingerprints,
)


def names(text, trainer="probe"):
    return [method.name for method in parse_methods(text, trainer)]


@pytest.mark.parametrize(
    "rule",
    ["decisions", "soft_label, from: votes", "drop, where: {source: [a]}", "influence_weights, group: annotator"],
)
def test_recipes_that_go_by_what_a_study_does_not_tell_are_refused_at_the_start(rule, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"rules: [{{rule: {rule}}}]")
    with pytest.raises(ConfigError, match="which a study does not tell"):
        parse_methods(str(recipe))


def test_methods_are_checked_when_they_are_named():
    assert names("all") == list(ALL)
    assert names("drop, aum:drop,drop") == [PLAIN, CLEAN, "drop", "aum:drop"]
    with pytest.raises(ConfigError, match="'aum:dorp' is no method. Did you mean aum:drop?"):
        parse_methods("aum:dorp")
    with pytest.raises(ConfigError, match="'soft_labels' is no method. Did you mean soft_label?"):
        parse_methods("soft_labels")
    with pytest.raises(ConfigError, match="noise_aware is trained in its own way"):
        parse_methods("debias+noise_aware")
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_methods("nowhere.yaml")


def test_methods_that_a_trainer_cannot_train_are_refused_or_left_out_of_all():
    assert set(ALL) - set(names("all", "forked")) == {"debias", "debias+soft_label", "early_stop"}
    with pytest.raises(ConfigError, match=r"'debias\+drop' is not for `trainer` forked: .*frozen features"):
        parse_methods("drop,debias+drop", "forked")
    with pytest.raises(ConfigError, match="'early_stop' is not for `trainer` forked: .*`plain`"):
        parse_methods("early_stop", "forked")


@pytest.mark.parametrize(
    ("role", "own"),
    [
        ("reference", ("plain", "clean")),
        ("diagnostic", ("oracle:flip", "aum:oracle", "debias+oracle:soft")),
        ("rival", ("aum:drop", "cleanlab:flip", "single_model:soft", "debias+aum:drop", "smooth", "structured_smooth")),
        ("ours", ("ours:flip", "drop", "debias", "debias+soft_label", "structured_drop", "data_smoothing", "my.yaml")),
    ],
)
def test_what_reads_the_truth_is_a_diagnostic_and_what_has_a_rival_in_it_is_one(role, own):
    assert {parse_method(name).role for name in own} == {role}


def test_a_name_is_taken_apart_once():
    assert parse_method("structured_margin") == Method("structured_margin", "ours", structured=True, recipe="margin")
    assert parse_method("structured_drop").recipe == "structured_drop"  # there is a recipe of that name
    assert parse_method("debias+structured:soft") == Method(
        "debias+structured:soft", "ours", "debiased", structured=True, detector="structured", treatment="soft"
    )
    assert [name for name in ALL if parse_method(name).reads_truth] == [
        name for name in ALL if name == CLEAN or "oracle" in name
    ]


def test_recipes_count_by_their_content(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.5, null]}}\n")
    text = f"aum:drop,early_stop,drop,debias+soft_label,structured_margin,{path}"
    before = recipe_fingerprints(parse_methods(text))
    assert set(before) == {"recipe drop", "recipe soft_label", "recipe margin", f"recipe {path}"}
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.6, null]}}\n")
    after = recipe_fingerprints(parse_methods(text))
    assert {name for name in before if before[name] != after[name]} == {f"recipe {path}"}
