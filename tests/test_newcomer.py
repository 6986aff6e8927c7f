"""A newcomer's first minutes: every command of the README in its order, and every command that these print, offline."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.cli.main import main

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

HUB_MODELS = re.compile(r"Qwen/Qwen3-\d\.?\dB|Qwen/Qwen3-4B")
STAND_INS = {"iterate": "embedded/tiny-chat"}
"""What takes the place of a model of the Hub; elsewhere ``embedded/tiny-reader``."""
LOOP = (
    "--num_rounds 1 --num_rollouts 2 --prompts_per_rollout 4 --num_samples 2 --max_new_tokens 8 --max_steps 2 "
    "--num_shift_prompts 8 --shift_samples 2 --num_test_prompts 8 --max_prompt_length 64 --max_length 128"
)
SMALLER = {
    "audit": "--max_pairs 150 --num_judges 3 --no_baselines --no_stability --max_length 128",
    "train": "--max_steps 2 --max_length 128",
    "sample": "--model_name_or_path embedded/tiny-chat --num_samples 4 --max_new_tokens 8",
    "iterate": LOOP,
    "study noise": "--kinds uniform --rates 0.2 --methods drop --num_seeds 2 --num_judges 2 --max_length 128",
    "simulate": "--num_pairs 120",
    "doctor": "--max_length 128",
}
"""What makes a command small."""
ANSWER = "\n\nAssistant:"
RIGHTS = {"file": 0o644, "folder": 0o755}


def readme_block(repository: Path, language: str, place: int = 0) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(blocks[place])


def commands_in(text: str) -> Iterator[str]:
    """Those of a document and those that a verb prints; a remark behind one is none of it."""
    for line in text.splitlines():
        if found := re.match(r"\s*(?:\$ |Next: )?(rewardsmith \w.*)", line):
            yield shlex.join(shlex.split(found[1], comments=True))


def small(command: str) -> list[str]:
    """The words of the command for little data and for the models that come along."""
    _, *words = shlex.split(command)
    verb = " ".join(words[:2]) if words[0] == "study" else words[0]
    words = [HUB_MODELS.sub(STAND_INS.get(verb, "embedded/tiny-reader"), word) for word in words]
    return [*words, *shlex.split(SMALLER.get(verb, ""))]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def here(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder with small sets under the names that the README and the verbs use."""
    with gzip.open(real_data / "hh_rlhf" / "helpful-base.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if len(row["chosen"]) < 400 and len(row["rejected"]) < 400]
    turns = [
        (*row["chosen"].rsplit("\n\nAssistant:", 1), row["rejected"].rsplit("\n\nAssistant:", 1)[1]) for row in rows
    ]
    write(tmp_path / "prefs.jsonl", rows[:220])
    for name in ("heldout", "more"):
        write(tmp_path / f"{name}.jsonl", rows[220:250])
    asked = [{"prompt": prompt, "response": response} for prompt, response, _ in turns[:12]]
    for name in ("old", "other"):
        write(tmp_path / f"{name}.jsonl", asked)
    write(tmp_path / "new.jsonl", [{**row, "response": turn[2]} for row, turn in zip(asked, turns, strict=False)])
    write(tmp_path / "prompts.jsonl", [{"prompt": row["prompt"]} for row in asked[:6]])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def decide(command: str) -> None:
    """Writes the decisions that a command reads, as was said: a line for each pair, or a table with one more column."""
    for labels in Path("runs").rglob("label_next.jsonl"):
        pair_ids = [json.loads(line)["pair_id"] for line in labels.read_text(encoding="utf-8").splitlines()]
        write(labels.with_name("decisions.jsonl"), [{"pair_id": name, "decision": "keep"} for name in pair_ids])
    asked = re.search(r"--audit_dir (\S+).* --decisions (\S+)", command)
    if asked is None:
        return
    with Path(asked[1], "doubtful.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    decided = [{**row, "decision": "flip" if index < 2 else ""} for index, row in enumerate(rows)]
    if asked[2].endswith(".jsonl"):  # as the report's table makes it
        write(Path(asked[2]), [{"row": int(row["row"]), "decision": row["decision"]} for row in decided[:2]])
        return
    with Path(asked[2]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, decided[0])
        writer.writeheader()
        writer.writerows(decided)


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a command, small, and gives what it prints; it must end well."""

    def run(command: str, *more: str) -> str:
        words = [*small(command), *more]
        status = main(words)
        printed = capsys.readouterr()
        assert status == 0, f"rewardsmith {shlex.join(words)}\n{printed.out}\n{printed.err}"
        return printed.out

    return run


def test_every_command_of_the_readme_and_every_one_that_these_print(
    repository: Path, here: Path, run: Callable[..., str]
) -> None:
    documented = [*commands_in(readme_block(repository, "console")), *commands_in(readme_block(repository, "sh", 1))]
    printed: dict[str, None] = {}
    for command in documented:
        printed |= dict.fromkeys(commands_in(run(command)))
    offered = [command for command in printed if command not in documented]
    assert len(documented) > 14 and {"audit", "train", "evaluate"} <= {command.split()[1] for command in offered}
    for command in offered:
        decide(command)
        again = [] if command.split()[1] == "show" else ["--overwrite"]  # in the place of an earlier one
        for next_one in commands_in(run(command, *again)):
            run(next_one, "--dry_run")
    for path in here.rglob("*"):
        assert path.stat().st_mode & 0o777 == RIGHTS["folder" if path.is_dir() else "file"], path


def test_the_lines_of_python_of_the_readme(repository: Path, here: Path) -> None:
    lines, pairs = readme_block(repository, "python"), (here / "prefs.jsonl").read_text(encoding="utf-8").splitlines()
    (here / "prefs.jsonl").write_text("\n".join(pairs[:80]), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() and "Warning" not in done.stderr, done.stderr
