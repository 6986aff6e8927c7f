import subprocess
import sys
from pathlib import Path

import pytest

import rewardsmith
from rewardsmith.studies.noise.trainers import TRAINERS


@pytest.mark.parametrize(("module", "trainer"), [("cells", "probe"), ("forked_trainer", "forked")])
def test_whatever_a_cell_computes_with_counts(module, trainer):
    """All that its process imports, but for files and fingerprints, errors, options and names."""
    script = f"import sys, rewardsmith.studies.noise.{module}; print(*(m.__file__ for m in sys.modules.values() if "
    script += "m.__name__.startswith('rewardsmith.')), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    parts = [Path(file).relative_to(Path(rewardsmith.__file__).parent).parts for file in done.stdout.splitlines()]
    idle = ("__init__.py", "options.py", "feature_spec.py")
    computing = {package for package, *rest in parts if rest and rest[-1] not in idle}
    assert computing - {"artifacts"} <= set(TRAINERS[trainer].packages)


def test_heads_are_trained_without_language_models():
    script = "import sys, rewardsmith.studies.noise.cells; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"transformers", "rewardsmith.studies.noise.forked_trainer"} & set(done.stdout.split())


def test_what_a_trainer_refuses_is_said_with_a_reason():
    assert TRAINERS["probe"].refused == {}
    assert set(TRAINERS["forked"].refused) == {"debiased", "early_stopping"}
