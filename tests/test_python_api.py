"""The Python functions: light to import, still functions after use, and as good as the command."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import rewardsmith
from rewardsmith.errors import ConfigError, DataError

ROWS = [
    {
        "prompt": f"What is {number} plus {number}?",
        "chosen": f"It is {2 * number}.",
        "rejected": f"I will not say, number {number}." if number % 3 else f"It is {2 * number + 1}, or so it seems.",
    }
    for number in range(60)
]

EVERY_VERB_TWICE = """
import json, sys
import rewardsmith
rows = json.load(open(sys.argv[1]))
for turn in range(2):
    audit = rewardsmith.audit(rows, output_dir=f"audit{turn}", num_judges=2, planted_rate=0, quiet=True)
    model = rewardsmith.train(
        rows, model_name_or_path=sys.argv[2], output_dir=f"rm{turn}", max_steps=1, max_length=32, quiet=True
    )
    scores = rewardsmith.evaluate(rows, reward_model_path=model.path, output_dir=f"scores{turn}", quiet=True)
    rewards = rewardsmith.score(rows, reward_model_path=model.path, output_file=f"rewards{turn}.parquet", quiet=True)
    exported = rewardsmith.export(rows, output_file=f"export{turn}.jsonl", quiet=True)
    assert exported.metrics["num_written"] == len(rows)
    refined = rewardsmith.refine(audit.path, output_dir=f"refined{turn}", quiet=True)
    back = rewardsmith.undo(refined.path, f"back{turn}.jsonl")
    assert refined.ledger.num_rows == back.num_rows == len(rows)
    assert rewards.table.num_rows == rewards.metrics["num_pairs"] == len(rows)
    assert len(audit.strengths) == len(rows)
    verbs = ("audit", "refine", "undo", "train", "evaluate", "sample", "score", "judge", "export")
    verbs += ("study_arms", "study_noise", "reward_function", "leanings")
    assert all(callable(getattr(rewardsmith, verb)) for verb in verbs)
print(json.dumps({"verdict": audit.verdict, "accuracy": scores.summary()}))
"""


def test_importing_the_package_loads_nothing_but_itself() -> None:
    script = "import sys; before = set(sys.modules); import rewardsmith; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"rewardsmith"}


@pytest.mark.slow
def test_every_verb_works_twice_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    arguments = [sys.executable, "-W", "error::RuntimeWarning", "-c", EVERY_VERB_TWICE, "rows.json", "embedded/minilm"]
    run = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["verdict"]


def test_data_come_first_in_every_function_and_models_by_name() -> None:
    data = {"dataset", "samples", "files", "audit_dir", "refined_dir"}
    for name in set(rewardsmith.__all__) - {"__version__", "reward_function"}:
        first, *others = inspect.signature(getattr(rewardsmith, name)).parameters.values()
        assert first.name in data and first.kind is first.POSITIONAL_OR_KEYWORD
        assert all(other.kind is other.KEYWORD_ONLY for other in others if "model" in other.name)


@pytest.mark.parametrize("verb", ["evaluate", "score"])
def test_a_model_in_place_of_the_data_is_an_error(verb: str) -> None:
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 "):
        getattr(rewardsmith, verb)("rm", ROWS)
    with pytest.raises(DataError, match="nowhere.jsonl does not exist"):
        getattr(rewardsmith, verb)(dataset="nowhere.jsonl", reward_model_path="embedded/tiny-reader")


def test_an_unknown_option_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="unknown option 'max_lenght'. Did you mean max_length"):
        rewardsmith.audit("prefs.jsonl", max_lenght=3)


def test_an_option_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed must be a whole number, not '3'"):
        rewardsmith.train("prefs.jsonl", seed="3")


def test_paths_are_as_good_as_their_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.jsonl does not exist"):
        rewardsmith.audit(tmp_path / "nowhere.jsonl", output_dir=tmp_path / "out")
