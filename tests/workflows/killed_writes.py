"""Kills verbs at each of their writes: ``killed_writes.py VERB,VERB,... DIR``.

A verb is a fork of a process that has imported what its first run did. The system call that writes, renames or removes
something below its place is counted; at the number asked for, the process ends itself as SIGKILL would end it. Then the
same command runs again. Prints how many writes were tried in a new place, and over an earlier result: the first four
and then every KILL_STRIDE-th (default 8, of a loop of rounds every third of those; `make test-heavy` tries all). A loop
is then killed several times in a row (twenty where all writes are tried), each time at one of its next writes. Figures
stay empty: a process apart draws them, and has no place to write in.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.cli.main import main as rewardsmith
from rewardsmith.report.commands import command_words

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from no_waiting import do_not_wait_for_disks, leave_figures_empty
from scored_rows import scored_rows
from small_loops import SMALL, named_inputs

KILLED = 137
FIRST, STRIDE = 4, int(os.environ.get("KILL_STRIDE", "8"))
REFINED, TRAINED = ("audit", "refine"), ("train",)
BEFORE = {
    **dict.fromkeys(("refine", "undo", "export", "export_folder"), REFINED),
    **dict.fromkeys(("train", "evaluate", "judge", "score", "score_parquet", "iterate"), TRAINED),
}
"""The verbs that make what a verb reads."""
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SLOW = ("iterate",)
"""Verbs whose one run has hundreds of writes."""
STABLE = (
    "look.json",
    "evaluation.json",
    "pairs.parquet",
    "strengths.parquet",
    "doubtful.csv",
    "leanings.csv",
    "ledger.parquet",
    "train.jsonl",
    "rewards.parquet",
)
"""Of what a run writes, that which is the same whenever it runs; the rest has times in it."""
STABLE_ENDINGS = (".safetensors", ".jsonl")
AUDIT = ["--ensemble", "given", "--planted_rate", "0", "--no-stability"]
MODEL = ["--device", "cpu", "--max_length", "64"]
IMITATED = ["--demonstrations_per_step", "8", "--num_rounds", "2", "--max_new_tokens", "4", "--save_steps", "1", *MODEL]
SAMPLED = ["--num_samples", "2", "--max_new_tokens", "4", "--window", "2", "--device", "cpu"]


def command_of(verb: str, inputs: Path, place: Path) -> list[str]:
    """The verb with its result in ``place``."""
    folder, file = ["--output_dir", str(place / "out")], ["--output_file", str(place / "out.jsonl")]
    pairs, model = str(inputs / "pairs.jsonl"), ["--reward_model_path", str(inputs / "rm"), *MODEL]
    score = ["score", pairs, *model, "--window", "12"]
    return {
        "simulate": ["simulate", "--num_pairs", "20", *file],
        "audit": ["audit", pairs, *AUDIT, *folder],
        "refine": ["refine", "--audit_dir", str(inputs / "audit"), *folder],
        "undo": ["undo", "--refined_dir", str(inputs / "refined"), *file],
        "export": ["export", str(inputs / "refined"), "--to", "trl", *file],
        "export_folder": ["export", str(inputs / "refined"), "--to", "llamafactory", *folder],
        "train": [*trained(inputs), "--max_steps", "2", "--save_steps", "1", "--eval_fraction", "0.3", *folder],
        "evaluate": ["evaluate", pairs, *model, *folder],
        "sample": ["sample", pairs, "--model_name_or_path", str(inputs / "policy"), *SAMPLED, *file],
        "judge": [
            "judge",
            *(str(inputs / f"{name}.jsonl") for name in ("old", "new")),
            *model,
            "--window",
            "4",
            *folder,
        ],
        "score": [*score, *file],
        "iterate": [*looped(inputs), *folder],
        "imitate": ["imitate", pairs, "--model_name_or_path", str(inputs / "policy"), *IMITATED, *folder],
        "score_parquet": [*score, "--output_file", str(place / "out.parquet")],
    }[verb]


def trained(inputs: Path) -> list[str]:
    return ["train", str(inputs / "pairs.jsonl"), "--model_name_or_path", str(inputs / "llama"), *MODEL]


def looped(inputs: Path) -> list[str]:
    options = {**SMALL, **named_inputs(inputs), "save_rollouts": 1, "save_steps": 1, "labels": "judge"}
    options |= {"labels_per_round": 3, "judge_model_path": str(inputs / "rm"), "quiet": True}
    return ["iterate", *shlex.split(" ".join(command_words(options)))]


def prepare(inputs: Path, verbs: Sequence[str]) -> None:
    """What the verbs read."""
    inputs.mkdir()
    pairs = inputs / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in scored_rows(24)))
    for name in ("old", "new"):
        rows = [{"prompt": f"Q{n}", "response": f"{name} {n}"} for n in range(12)]
        (inputs / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if {"sample", "iterate", "imitate"} & {*verbs}:
        from tiny_writers import save_tiny_writer  # loads torch

        save_tiny_writer(inputs / "policy")
    before = [BEFORE.get(verb) for verb in verbs]
    if REFINED in before:
        run(["audit", str(pairs), *AUDIT, "--output_dir", str(inputs / "audit")])
        run(["refine", "--audit_dir", str(inputs / "audit"), "--output_dir", str(inputs / "refined")])
    if TRAINED in before:
        from tiny_reward_models import save_tiny_llama  # loads torch

        save_tiny_llama(inputs / "llama")
        run([*trained(inputs), "--max_steps", "1", "--output_dir", str(inputs / "rm")])


def run(command: Sequence[str], imported: Path | None = None) -> None:
    """Runs a verb to its end. What it ``imported`` on its way is then there for every later fork."""
    status, said = forked(command, imported=imported)
    assert status == 0, (status, said)
    for name in imported.read_text().split() if imported else ():
        with suppress(ImportError):  # made by another module, not found by its name
            importlib.import_module(name)


def forked(
    command: Sequence[str], place: Path | None = None, kill_at: int = 0, imported: Path | None = None
) -> tuple[int, str]:
    """Status and words of a verb in a fork, which ends at its n-th write below ``place``."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        status = 1
        try:
            os.close(reader)
            for stream in (1, 2):
                os.dup2(writer, stream)
            if place is not None:
                sys.addaudithook(Killer(place, kill_at))
            status = rewardsmith(command)
            sys.stdout.flush()
            if imported is not None:
                imported.write_text("\n".join(sys.modules))
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as words:
        said = words.read()
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), said


class Killer:
    """Ends the process before a write; where it is a new name, half of the file is lost too."""

    def __init__(self, place: Path, kill_at: int) -> None:
        self.place, self.left = str(place), kill_at

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_write(event, arguments):
            return
        self.left -= 1
        if self.left == 0:
            if event == "os.rename" and (file := Path(arguments[0])).is_file():
                os.truncate(file, file.stat().st_size // 2)
            os._exit(KILLED)

    def _is_write(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = arguments
            return bool(flags & WRITING) and not isinstance(path, int) and self._is_below(path)
        if event not in CHANGES:
            return False
        in_open_folder = event in ("os.remove", "os.rmdir") and arguments[1] != -1  # rmtree names no whole paths
        return in_open_folder or self._is_below(arguments[0])

    def _is_below(self, path: Any) -> bool:
        return not isinstance(path, int) and os.fsdecode(path).startswith(self.place)


def contents(place: Path) -> dict[str, Any]:
    """Names of all files, with what is in those that are the same in every run."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): _content(path) for path in files}


def _content(path: Path) -> Any:
    if path.name == "out.parquet":
        return pq.read_table(path).to_pylist()
    is_stable = path.name in STABLE or path.suffix in STABLE_ENDINGS
    return fingerprint_file(path) if is_stable and path.name != "metrics.jsonl" else None


def is_finished(place: Path, results: Sequence[dict[str, Any]]) -> bool:
    """Whether there is a result; what looks like one has to be whole."""
    if (manifest := place / "out" / "manifest.json").exists():
        for name, fingerprint in json.loads(manifest.read_text())["outputs"].items():
            assert fingerprint_file(place / "out" / name) == fingerprint, f"{name} is not as the manifest says"
        return True
    found = contents(place)
    whole = [name for name in ("out.jsonl", "out.parquet") if name in found]
    assert all(found[name] in [result.get(name) for result in results] for name in whole)
    return bool(whole)


def walk(
    command: Sequence[str], place: Path, reset: Callable[[], None], results: Sequence[dict[str, Any]], stride: int
) -> int:
    """Number of writes tried. Killed at one, the command ends with the last of ``results`` when it runs again."""
    kill_at, num_tried = 1, 0
    while True:
        reset()
        status, said = forked(command, place, kill_at)
        if status == 0:
            return num_tried
        assert status == KILLED, said
        finished = is_finished(place, results)
        status, said = forked(command)
        if status == 2 and finished:
            assert contents(place) == results[-1], "what is finished has something beside it"
            status, said = forked([*command, "--overwrite"])
        assert status == 0, f"write {kill_at}: {said}"
        assert contents(place) == results[-1], f"write {kill_at}: {sorted(contents(place))}"
        num_tried += 1
        kill_at += 1 if kill_at < FIRST else stride


def in_a_row(command: Sequence[str], place: Path, result: dict[str, Any], times: int) -> int:
    """Number of kills of one run, which goes on a few writes after each of them, and ends with the result."""
    for number in range(times):
        status, said = forked(command, place, kill_at=6 + number % 7)
        assert status == KILLED, (status, said)
    run(command)
    assert contents(place) == result
    return times


def main() -> None:
    verbs, work = sys.argv[1].split(","), Path(sys.argv[2])
    for verb in verbs:
        for name in {verb.split("_")[0], *BEFORE.get(verb, ())}:
            importlib.import_module(f"rewardsmith.workflows.{name}")
    os.environ["REWARDSMITH_CACHE"] = str(work / "cache")
    patch = pytest.MonkeyPatch()
    do_not_wait_for_disks(patch)
    leave_figures_empty(patch)
    prepare(work / "inputs", verbs)
    sys.stdout.write(json.dumps({verb: tried(verb, work / "inputs", work / verb) for verb in verbs}) + "\n")


def tried(verb: str, inputs: Path, work: Path) -> dict[str, int]:
    """Number of writes of a verb that a kill came before."""
    place, earlier = work / "place", work / "earlier"
    command = command_of(verb, inputs, place)
    other = [*command, *([] if verb in ("undo", "score", "score_parquet") else ["--seed", "1"])]

    def empty() -> None:
        shutil.rmtree(place, ignore_errors=True)

    def with_earlier() -> None:
        empty()
        shutil.copytree(earlier, place)

    results = []
    work.mkdir()
    for words in (other, command):
        empty()
        run(words, work / "imported.txt")
        results.append(contents(place))
        shutil.copytree(place, earlier, dirs_exist_ok=True) if words is other else None
    stride = 3 * STRIDE if verb in SLOW and STRIDE > 1 else STRIDE
    counts = {"new": walk(command, place, empty, results, stride)}
    counts["overwrite"] = walk([*command, "--overwrite"], place, with_earlier, results, stride)
    if verb in SLOW:
        empty()
        counts["in_a_row"] = in_a_row(command, place, results[-1], 20 if STRIDE == 1 else 4)
    return counts


main()
