import subprocess
import sys

import pytest

from rewardsmith.studies.noise.same_work import FORKED_PACKAGES, PACKAGES, code_and_recipes


def test_recipes_count_by_their_content(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.5, null]}}\n")
    methods = ("plain", "clean", "aum:drop", "early_stop", "drop", "debias+soft_label", "structured_margin", str(path))
    before = code_and_recipes(methods)
    named = {"recipe drop", "recipe soft_label", "recipe margin", f"recipe {path}"}
    assert set(before) == {"code of rewardsmith", *named}
    path.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.6, null]}}\n")
    after = code_and_recipes(methods)
    assert {name for name in before if before[name] != after[name]} == {f"recipe {path}"}


def test_who_trains_language_models_counts_their_code_too():
    assert code_and_recipes(["plain"]) != code_and_recipes(["plain"], trains_models=True)


@pytest.mark.parametrize(
    ("module", "packages"), [("cell_worker", PACKAGES), ("forked_trainer", FORKED_PACKAGES)], ids=["probe", "forked"]
)
def test_whatever_a_cell_computes_with_counts(module, packages):
    """All that its process imports, but for files and fingerprints, errors, options and names."""
    script = f"import sys, rewardsmith.studies.noise.{module}; print(*(m for m in sys.modules if m.startswith('rewa')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    parts = [name.split(".")[1:] for name in done.stdout.split() if "." in name]
    computing = {package for package, *rest in parts if rest and rest[-1] not in ("options", "feature_spec")}
    assert computing - {"artifacts"} <= set(packages)
