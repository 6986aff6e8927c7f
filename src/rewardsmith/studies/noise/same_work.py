"""What cells were computed with besides data and options: an interrupted study goes on only where it is the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rewardsmith.artifacts.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.refining.recipe import load_recipe, recipe_names
from rewardsmith.studies.noise.methods import CLEAN, DEBIAS, PLAIN, SPECIAL, STRUCTURED, TREATMENTS
from rewardsmith.version import __version__

PACKAGES = ("contracts", "metrics", "objectives", "preferences", "refining", "strength", "studies")
FORKED_PACKAGES = (*PACKAGES, "tokens", "models", "engine")


def code_and_recipes(methods: Iterable[str], trains_models: bool = False) -> dict[str, str]:
    """Fingerprints by name: of the code that computes cells, and of the recipe of every method that has one."""
    found = {"code of rewardsmith": f"{__version__} {_code(FORKED_PACKAGES if trains_models else PACKAGES)}"}
    for method in methods:
        name = method.removeprefix(DEBIAS)
        if name not in (PLAIN, CLEAN, *SPECIAL) and name.partition(":")[2] not in TREATMENTS:
            recipe = name if name in recipe_names() else name.removeprefix(STRUCTURED)
            found[f"recipe {recipe}"] = load_recipe(recipe).fingerprint
    return found


def _code(packages: Iterable[str]) -> str:
    root = Path(__file__).resolve().parents[2]
    files = sorted(file for package in packages for file in (root / package).rglob("*.py"))
    return fingerprint_json({file.relative_to(root).as_posix(): fingerprint_file(file) for file in files})
