"""A row that a model's chat template refuses: quarantined with the reason, in every verb that reads with a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from rewardsmith.cli.main import main
from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.preferences.options import DataOptions
from rewardsmith.workflows.doctor import run_doctor
from rewardsmith.workflows.options.doctor import DoctorConfig
from tiny_reward_models import save_tiny_llama, some_rows

NEEDS_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('first message must be system') }}{% endif %}"
    "{% for m in messages %}{{ m['role'] }} {{ m['content'] }}{{ eos_token }}{% endfor %}"
)
BAD = 17


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("needs-system")
    source = resolve_model(str(save_tiny_llama(folder / "base")))
    tokenizer = load_tokenizer(source)
    tokenizer.chat_template = NEEDS_SYSTEM
    save_reward_model(new_reward_model(source, tokenizer), tokenizer, folder / "rm", {"max_length": 64})
    return str(folder / "rm")


def rows(bad: set[int]) -> list[dict[str, Any]]:
    """Pairs that begin with a system turn but for some."""
    system = {"role": "system", "content": "one"}
    return [
        {
            "prompt": [*[system] * (index not in bad), {"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for index, row in enumerate(some_rows(50))
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows({BAD})))
    return path


def command(verb: str, file: Path, model: str, output: Path) -> list[str]:
    name = "--reward_model_path" if verb == "evaluate" else "--model_name_or_path"
    more = {"train": ["--max_steps", "1", "--max_length", "64"], "audit": ["--max_length", "64"]}.get(verb, [])
    return [verb, str(file), name, model, "--output_dir", str(output), "--quiet", *more]


@pytest.mark.parametrize("verb", ["evaluate", "train", pytest.param("audit", marks=pytest.mark.slow)])
def test_the_row_is_quarantined_and_the_run_goes_on(verb: str, file: Path, model: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert main(command(verb, file, model, output)) == 0
    [bad] = [json.loads(line) for line in (output / "quarantine.jsonl").read_text().splitlines()]
    assert (bad["row"], bad["line"], bad["reason"]) == (BAD, BAD + 1, "refused_by_model")
    assert bad["file"] == str(file) and "first message must be system" in bad["message"]
    assert json.loads(bad["original"]) == rows({BAD})[BAD]
    metrics = json.loads((output / "metrics.json").read_text())
    assert {metrics.get(name) for name in ("num_pairs", "eval_num_pairs")} <= {49, None}


@pytest.mark.parametrize("verb", ["evaluate", "train", "audit"])
def test_where_all_are_refused_the_input_is_wrong(
    verb: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(set(range(50)))))
    assert main(command(verb, path, model, tmp_path / "out")) == 2
    assert "takes none of its 50 pairs" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_doctor_counts_the_row(file: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardsmith.workflows.doctor._check_model", lambda *_: [])
    config = DoctorConfig(model_name_or_path=model, max_length=64, data=DataOptions(dataset_name=str(file)))
    checks = run_doctor(config).sections[f"Data {file}"]
    assert "1 of 50 rows cannot be used: 1 refused_by_model" in checks[0].sentence


def test_score_gives_the_other_rows_their_rewards(file: Path, model: str, tmp_path: Path) -> None:
    done = rewardsmith.score(str(file), reward_model_path=model, output_file=str(tmp_path / "o.jsonl"), quiet=True)
    assert done.metrics["num_responses"] == 98
    assert done.metrics["bad_rows_by_reason"] == {"refused_by_model": 1}
    found = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["row"] for row in found if row["gap"] is None] == [BAD]
    assert f"line {BAD + 1}: the chat template refuses" in found[BAD]["problem"]


def test_score_of_samples_leaves_out_the_refused_ones(model: str, tmp_path: Path) -> None:
    asked = {"role": "user", "content": "two"}
    talks = [[{"role": "system", "content": "one"}, asked], [asked]]
    samples = [{"responses": [[*talk, {"role": "assistant", "content": "red"}] for talk in talks]}]
    done = rewardsmith.score(samples, reward_model_path=model, output_file=str(tmp_path / "o.jsonl"), quiet=True)
    [row] = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert row["rewards"][0] is not None and row["rewards"][1] is None and row["reason"] is None
    assert done.metrics["num_responses"] == 1
    with pytest.raises(DataError, match="none of its 1 rows could be scored .refused_by_model 1.*`problem`"):
        rewardsmith.score(
            [{"responses": samples[0]["responses"][1:]}], reward_model_path=model, output_file=str(tmp_path / "p.jsonl")
        )
