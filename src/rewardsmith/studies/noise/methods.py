"""What is done about noisy labels: recipes, learned corrections, rivals, and what an oracle would do.

A method turns suspects into the supervision of one arm. Its name says what it is:

    plain, clean               nothing; the labels before noise was planted
    RECIPE or FILE.yaml        a recipe on what the audits found
    structured_RECIPE          that recipe; where there is none of the name, RECIPE on what the structured audit found
    data_smoothing             labels and head learn in turn
    early_stop                 the noisy labels, as many steps as held-out labels want
    noise_aware                a loss that knows the audit's share of wrong labels
    structured_noise_aware     the same with the structured audit's shares, by category and by direction
    debias, debias+METHOD      trained with a column for which response is the longer one
    DETECTOR:TREATMENT         a detector's flagged labels, treated; detectors and treatments with `oracle` among both
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.flat_config import suggest
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.data_smoothing import smooth_labels
from rewardsmith.refining.evidence import Reads
from rewardsmith.refining.recipe import apply_recipe, load_recipe, recipe_names
from rewardsmith.refining.rules.rule import Rule, goes_by
from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.arms import REFUSED, Arm, Form
from rewardsmith.studies.noise.planting import turned_round
from rewardsmith.studies.noise.suspects import DETECTORS, Suspects

PLAIN, CLEAN = "plain", "clean"
STRUCTURED, DEBIAS = "structured_", "debias+"
ORACLE = "oracle"
TREATMENTS = ("drop", "flip", "soft", ORACLE)
FORMS: dict[str, Form] = {
    "noise_aware": "noise_aware",
    "structured_noise_aware": "noise_aware",
    "debias": "debiased",
    "early_stop": "early_stopping",
}
"""Methods that are trained in a way of their own."""
SPECIAL = ("data_smoothing", *FORMS)
UNJUDGED = (PLAIN, CLEAN, "smooth", "early_stop", "debias")

RECIPES = (
    *("drop", "drop_lowest", "flip", "flip_wrong", "soft_label", "margin", "flip+margin"),
    *("soft_label+margin", "paper_flip", "paper_margin", "paper_flip+margin", "paper_soft_label+margin"),
)
OURS = (
    *RECIPES,
    *("data_smoothing", "noise_aware", "debias", "debias+soft_label"),
    *("structured_drop", "structured_flip_wrong", "structured_soft_label", "structured_noise_aware"),
)
RIVALS = ("single_model:drop", "cleanlab:drop", "aum:drop", "small_loss:drop", "early_stop", "smooth")
DETECTED = tuple(
    f"{detector}:{treatment}"
    for detector in (*DETECTORS, ORACLE)
    for treatment in TREATMENTS
    if f"{detector}:{treatment}" not in (*RIVALS, f"{ORACLE}:{ORACLE}")
)
ALL = (PLAIN, CLEAN, *OURS, *RIVALS, *DETECTED)

HIGHEST_RATE = 0.45
"""Of wrong labels that a loss is told of: at a half, it would learn nothing."""
UNTOLD = {
    Reads.PERSON: "a person's decisions",
    Reads.VOTES: "people's votes, next to the truth itself",
    Reads.ORIGIN: "who labelled a pair or where it comes from",
}
"""What rules may go by and a study does not tell."""
SMOOTHING_BETA = 0.005
SMOOTHING_STEPS = 200
SMOOTHING_L2 = 1.0

Floats = NDArray[np.float64]


def parse_methods(text: str, trainer: str = "probe") -> tuple[str, ...]:
    """The methods that an option names, `plain` and `clean` first; `all` leaves out what the trainer does not have.

    ConfigError for a name that means nothing, and for a method that the trainer does not have.
    """
    refused = REFUSED[trainer]
    names = [name.strip() for name in text.split(",") if name.strip()]
    asked = [name for name in ALL if form_of(name) not in refused] if names == ["all"] else [PLAIN, CLEAN, *names]
    chosen = tuple(dict.fromkeys(asked))
    for name in chosen:
        check_method(name)
        if form_of(name) in refused:
            reason = refused[form_of(name)]
            raise ConfigError(f"--methods: {name!r} is not for --trainer {trainer}: {reason}. Leave it out.")
    return chosen


def form_of(name: str) -> Form:
    """How the arm of a method is to be trained."""
    return "debiased" if name.startswith(DEBIAS) else FORMS.get(name, "plain")


def check_method(name: str) -> None:
    """Raises ConfigError for a name that means nothing."""
    if name.startswith(DEBIAS) and name.removeprefix(DEBIAS) in (PLAIN, CLEAN, *FORMS):
        raise ConfigError(f"--methods: {name!r} is no method: {name.removeprefix(DEBIAS)} is trained in its own way.")
    name = name.removeprefix(DEBIAS)
    if name in (PLAIN, CLEAN, *SPECIAL):
        return
    detector, colon, treatment = name.partition(":")
    if colon and not name.endswith((".yaml", ".yml")):
        if detector in (*DETECTORS, ORACLE) and treatment in TREATMENTS and (detector, treatment) != (ORACLE, ORACLE):
            return
        raise ConfigError(f"--methods: {name!r} is no method.{suggest(name, ALL)}")
    recipe = _recipe_name(name)
    if recipe not in recipe_names() and not recipe.endswith((".yaml", ".yml")):
        raise ConfigError(f"--methods: {name!r} is no method.{suggest(name, [*ALL, *recipe_names()])}")
    for rule in load_recipe(recipe).rules:
        unknown = _unknown_to_a_study(rule)
        if unknown:
            raise ConfigError(f"--methods: {name!r} goes by {unknown}, which a study does not tell. Leave it out.")


def make_arm(name: str, suspects: Suspects, truth: Floats) -> Arm:
    """The arm of a method. Only `clean` and what bears `oracle` in its name read ``truth``."""
    given = Supervision.plain(suspects.noisy)
    if name == PLAIN:
        return Arm(name, given)
    if name == CLEAN:
        return Arm(name, Supervision.plain(truth), given=truth)
    if name == "noise_aware":
        rates = np.full((len(truth), 2), min(suspects.noise_value, HIGHEST_RATE))
        return Arm(name, given, form_of(name), error_rates=rates)
    if name == "structured_noise_aware":
        return Arm(name, given, form_of(name), error_rates=suspects.structured_rates)
    if name in FORMS:
        return Arm(name, given, form_of(name))
    if name.startswith(DEBIAS):
        return replace(make_arm(name.removeprefix(DEBIAS), suspects, truth), name=name, form=form_of(name))
    return Arm(name, _supervision(name, suspects, truth, given))


def asks_judges(name: str) -> bool:
    """Whether a method looks at what detectors found."""
    return name not in UNJUDGED and not name.removeprefix(DEBIAS).startswith(f"{ORACLE}:")


def make_arms(names: Iterable[str], suspects: Suspects, truth: Floats) -> tuple[list[Arm], dict[str, str]]:
    """Every arm, in the order of the names; and the reasons of those that cannot be made of these labels."""
    arms, failed = [], {}
    for name in names:
        try:
            arms.append(make_arm(name, suspects, truth))
        except DataError as error:
            failed[name] = str(error)
    return arms, failed


def _supervision(name: str, suspects: Suspects, truth: Floats, given: Supervision) -> Supervision:
    if name == "data_smoothing":
        return replace(given, target=_smoothed(suspects))
    detector, colon, treatment = name.partition(":")
    if colon and treatment in TREATMENTS:
        wrong = turned_round(suspects.noisy, truth)
        flagged = wrong if detector == ORACLE else suspects.flagged(detector)
        return TREATED[treatment](given, flagged, wrong)
    return _by_recipe(name, suspects, given)


def _by_recipe(name: str, suspects: Suspects, given: Supervision) -> Supervision:
    recipe = load_recipe(_recipe_name(name))
    if recipe.reads_structured and suspects.structured[1] is None:
        return given
    if recipe.reads_structured:
        return apply_recipe(recipe, suspects.evidence_of_both, given).supervision
    evidence = suspects.structured[0] if name.startswith(STRUCTURED) else suspects.evidence
    return apply_recipe(recipe, evidence, given).supervision


def _unknown_to_a_study(rule: Rule) -> str | None:
    """What a rule goes by and no training pair of a study has."""
    return next((words for kind, words in UNTOLD.items() if kind in goes_by(rule)), None)


def _recipe_name(method: str) -> str:
    """Of a recipe or its file: the method's own name, or what follows on `structured_`."""
    return method if method in recipe_names() else method.removeprefix(STRUCTURED)


def _smoothed(suspects: Suspects) -> Floats:
    rows, target = suspects.pairs.widest.rows, torch.from_numpy(suspects.noisy.astype(np.float32))
    labels = smooth_labels(rows, target, torch.ones_like(target), SMOOTHING_L2, SMOOTHING_BETA, SMOOTHING_STEPS)
    return labels.double().numpy()


def _turned(given: Supervision, chosen: NDArray[np.bool_]) -> Supervision:
    return given.changed(chosen, target=1 - given.target, swapped=~given.swapped)


Treat = Callable[[Supervision, NDArray[np.bool_], NDArray[np.bool_]], Supervision]
TREATED: dict[str, Treat] = {
    "drop": lambda given, flagged, _: given.changed(flagged, weight=0.0),
    "flip": lambda given, flagged, _: _turned(given, flagged),
    "soft": lambda given, flagged, _: given.changed(flagged, target=0.5),
    ORACLE: lambda given, flagged, wrong: _turned(given, flagged & wrong),
}
"""What is done to flagged labels; `oracle` turns those that are wrong and leaves the others."""
