import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import rewardsmith
from rewardsmith.studies.noise.trainers import TRAINERS


@cache
def loaded(module):
    """Name and file of all that a process imports for it."""
    script = f"import sys, rewardsmith.studies.noise.{module}\n"
    script += "for name, one in list(sys.modules.items()): print(name, getattr(one, '__file__', None))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize(("module", "trainer"), [("cells", "probe"), ("forked_trainer", "forked")])
def test_whatever_a_cell_computes_with_counts(module, trainer):
    """All that its process imports, but for files and fingerprints, errors, options and names."""
    files = [file for name, file in loaded(module).items() if name.startswith("rewardsmith.")]
    parts = [Path(file).relative_to(Path(rewardsmith.__file__).parent).parts for file in files]
    idle = ("__init__.py", "options.py", "feature_spec.py")
    computing = {package for package, *rest in parts if rest and rest[-1] not in idle}
    assert computing - {"artifacts"} <= set(TRAINERS[trainer].packages)


def test_heads_are_trained_without_language_models():
    assert not {"transformers", "rewardsmith.studies.noise.forked_trainer"} & set(loaded("cells"))


def test_what_a_trainer_refuses_is_said_with_a_reason():
    assert TRAINERS["probe"].refused == {}
    assert set(TRAINERS["forked"].refused) == {"debiased", "early_stopping"}
