"""The methods of a study: what a name says, parsed once.

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

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.errors import ConfigError
from rewardsmith.refining.evidence import Reads
from rewardsmith.refining.recipe import load_recipe, recipe_names
from rewardsmith.refining.rules.rule import Rule, goes_by
from rewardsmith.studies.noise.arms import Form
from rewardsmith.studies.noise.detectors import DETECTORS, RIVALS
from rewardsmith.studies.noise.trainers import TRAINERS

PLAIN, CLEAN, ORACLE, SMOOTH = "plain", "clean", "oracle", "smooth"
STRUCTURED, DEBIAS = "structured_", "debias+"
TREATMENTS = ("drop", "flip", "soft", ORACLE)
FILES = (".yaml", ".yml")

Role = Literal["reference", "ours", "rival", "diagnostic"]


@dataclass(frozen=True)
class Method:
    """What is done about noisy labels."""

    name: str
    role: Role
    """`reference`: `plain` and `clean`; `diagnostic`: it reads the truth; what has a rival in it is a `rival`."""
    form: Form = "plain"
    """How its arm is trained."""
    reads_truth: bool = False
    structured: bool = False
    """It goes by what the structured audit found, in the place of the audit."""
    recipe: str | None = None
    """Name or file of the rules that repair its labels."""
    detector: str | None = None
    treatment: str | None = None
    """What is done to the labels that the detector flags."""
    smooths: bool = False
    """Labels and head learn in turn."""

    @property
    def asks_judges(self) -> bool:
        """Whether what its arm is taught has been learned from labels."""
        if self.detector:
            return self.detector != ORACLE
        return self.smooths or self.form == "noise_aware" or self.recipe not in (None, SMOOTH)


SPECIAL = {
    method.name: method
    for method in (
        Method(PLAIN, "reference"),
        Method(CLEAN, "reference", reads_truth=True),
        Method("data_smoothing", "ours", smooths=True),
        Method("noise_aware", "ours", "noise_aware"),
        Method("structured_noise_aware", "ours", "noise_aware", structured=True),
        Method("debias", "ours", "debiased"),
        Method("early_stop", "rival", "early_stopping"),
    )
}
"""What is neither a recipe nor a detector."""

OURS = (
    *("drop", "drop_lowest", "flip", "flip_wrong", "soft_label", "margin", "flip+margin"),
    *("soft_label+margin", "paper_flip", "paper_margin", "paper_flip+margin", "paper_soft_label+margin"),
    *("data_smoothing", "noise_aware", "debias", "debias+soft_label"),
    *("structured_drop", "structured_flip_wrong", "structured_soft_label", "structured_noise_aware"),
)
USUAL_RIVALS = ("single_model:drop", "cleanlab:drop", "aum:drop", "small_loss:drop", "early_stop", SMOOTH)
DETECTED = tuple(
    f"{detector}:{treatment}"
    for detector in (*DETECTORS, ORACLE)
    for treatment in TREATMENTS
    if f"{detector}:{treatment}" not in (*USUAL_RIVALS, f"{ORACLE}:{ORACLE}")
)
ALL = (PLAIN, CLEAN, *OURS, *USUAL_RIVALS, *DETECTED)
UNTOLD = {
    Reads.PERSON: "a person's decisions",
    Reads.VOTES: "people's votes, next to the truth itself",
    Reads.ORIGIN: "who labelled a pair or where it comes from",
}
"""What rules may go by and a study does not tell."""


def parse_methods(text: str, trainer: str = "probe") -> tuple[Method, ...]:
    """The methods that an option names, `plain` and `clean` first; `all` leaves out what the trainer does not have.

    ConfigError for a name that means nothing, for a recipe that a study cannot apply, and for a method that the trainer
    does not have.
    """
    refused = TRAINERS[trainer].refused
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return tuple(method for method in map(parse_method, ALL) if method.form not in refused)
    methods = tuple(parse_method(name) for name in dict.fromkeys((PLAIN, CLEAN, *names)))
    for method in methods:
        _check_recipe(method)
        if method.form in refused:
            reason = refused[method.form]
            raise ConfigError(f"`methods`: {method.name!r} is not for `trainer` {trainer}: {reason}. Leave it out.")
    return methods


def parse_method(name: str) -> Method:
    """What a name says; a recipe is not read. ConfigError for a name that says nothing."""
    own = name.removeprefix(DEBIAS)
    method = SPECIAL.get(own) or _with_detector(own) or _with_recipe(own)
    if own == name:
        return method
    if method.role == "reference" or method.form != "plain":
        raise ConfigError(f"`methods`: {name!r} is no method: {own} is trained in its own way.")
    return replace(method, name=name, form="debiased")


def recipe_fingerprints(methods: Iterable[Method]) -> dict[str, str]:
    """By name: of the recipe of every method that has one."""
    recipes = (method.recipe for method in methods if method.recipe is not None)
    return {f"recipe {recipe}": load_recipe(recipe).fingerprint for recipe in recipes}


def _with_detector(name: str) -> Method | None:
    detector, colon, treatment = name.partition(":")
    if not colon or name.endswith(FILES):
        return None
    oracles = (detector, treatment).count(ORACLE)
    if detector not in (*DETECTORS, ORACLE) or treatment not in TREATMENTS or oracles == 2:
        raise ConfigError(f"`methods`: {name!r} is no method.{suggest(name, ALL)}")
    role: Role = "diagnostic" if oracles else "rival" if detector in RIVALS else "ours"
    structured = detector == "structured"
    return Method(name, role, reads_truth=bool(oracles), structured=structured, detector=detector, treatment=treatment)


def _with_recipe(name: str) -> Method:
    known, unprefixed = recipe_names(), name.removeprefix(STRUCTURED)
    recipe = name if name in known else unprefixed
    if recipe not in known and not recipe.endswith(FILES):
        raise ConfigError(f"`methods`: {name!r} is no method.{suggest(name, [*ALL, *known])}")
    role: Role = "rival" if recipe == SMOOTH else "ours"
    return Method(name, role, structured=unprefixed != name, recipe=recipe)


def _check_recipe(method: Method) -> None:
    for rule in load_recipe(method.recipe).rules if method.recipe else ():
        unknown = _unknown_to_a_study(rule)
        if unknown:
            raise ConfigError(
                f"`methods`: {method.name!r} goes by {unknown}, which a study does not tell. Leave it out."
            )


def _unknown_to_a_study(rule: Rule) -> str | None:
    """What a rule goes by and no training pair of a study has."""
    return next((words for kind, words in UNTOLD.items() if kind in goes_by(rule)), None)
