"""The members of a `full` ensemble, one after the other or in parallel processes.

A process reads one line of JSON, a ``MemberRun``, from its standard input and trains that member. The pipe stays open:
when its other end closes, the parent is gone, and the process ends too, so that nobody else's resumed run meets it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rewardsmith import errors
from rewardsmith.artifacts.flat_config import build_config, flatten
from rewardsmith.artifacts.progress import ProgressHandle, progress, say, set_quiet
from rewardsmith.engine.member_memory import affordable, num_cores
from rewardsmith.engine.member_training import MemberRun, finished_member, train_member
from rewardsmith.engine.saved_gaps import SavedGaps
from rewardsmith.errors import InputError, RewardsmithError, RunError

POLL_S = 0.2
TAIL_LINES = 15


def run_members(
    runs: Sequence[MemberRun], parallel: int = 1, quiet: bool = False, description: str = "Members"
) -> list[SavedGaps]:
    """Results in the order of the runs. Finished members are not trained again; an error names its member.

    ``parallel`` processes share the cores. An error ends the others; what they had saved stays for the next time.
    """
    with progress(description, len(runs), quiet) as bar:
        waiting = []
        for run in runs:
            if finished_member(run) is None:
                waiting.append(run)
            else:
                bar.advance()
        if len(waiting) < len(runs):
            say(f"{len(runs) - len(waiting)} of {len(runs)} members are finished already.")
        if waiting and parallel > 1:
            _in_processes(waiting, affordable(min(parallel, len(waiting)), waiting[0]), bar, len(runs))
        else:
            for run in waiting:
                _in_this_process(run, bar, len(runs), quiet)
    found = [finished_member(run) for run in runs]
    assert all(found), "a member that trained without an error has a result"
    return [result for result in found if result is not None]


def _in_this_process(run: MemberRun, bar: ProgressHandle, num_members: int, quiet: bool) -> None:
    try:
        train_member(run, quiet)
    except RewardsmithError as error:
        raise _about(run, num_members, error) from error
    bar.advance()


def _in_processes(waiting: list[MemberRun], parallel: int, bar: ProgressHandle, num_members: int) -> None:
    queue = list(waiting)
    threads = max(1, num_cores() // parallel)
    running: dict[int, tuple[MemberRun, subprocess.Popen[str]]] = {}
    try:
        while queue or running:
            while queue and len(running) < parallel:
                run = queue.pop(0)
                running[run.number] = run, _start(run, threads)
                bar.note(running=len(running))
            ended = [number for number, (_, process) in running.items() if process.poll() is not None]
            for number in ended:
                run, process = running.pop(number)
                process.communicate()
                if process.returncode:
                    raise _about(run, num_members, _error_of(run, process.returncode))
                bar.advance()
            if not ended:
                time.sleep(POLL_S)
    finally:
        for _, process in running.values():
            process.kill()
        for _, process in running.values():
            process.communicate()


def _start(run: MemberRun, threads: int) -> subprocess.Popen[str]:
    run.model_path.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    with _said_path(run).open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "rewardsmith.engine.member_runs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            text=True,
            env=environment,
        )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has died already, and its status will say of what
        process.stdin.write(json.dumps(flatten(run)) + "\n")
        process.stdin.flush()
    return process


def _said_path(run: MemberRun) -> Path:
    return run.model_path / "stderr.txt"


def _error_of(run: MemberRun, status: int) -> RewardsmithError:
    """What a process died of: its own last line where it is one of our errors, else the end of what it said."""
    lines = _said_path(run).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if status < 0:
        return RunError(
            f"its process was ended by signal {-status}. Signal 9 most often means too little memory: lower "
            "--parallel_members or --max_tokens_per_batch."
        )
    try:
        last = json.loads(lines[-1])
        return (InputError if last["input"] else RunError)(last["message"])
    except (IndexError, ValueError, KeyError, TypeError):
        end = " | ".join(lines[-TAIL_LINES:])
        return RunError(f"its process failed with status {status}: {end}")


def _about(run: MemberRun, num_members: int, error: RewardsmithError) -> RewardsmithError:
    """The same error with the member's name. Once members are trained it is the run's: the folder has to stay."""
    nothing_trained = not any(Path(run.folder).glob("[0-9]*.safetensors"))
    kind = type(error) if isinstance(error, InputError) and nothing_trained else RunError
    return kind(f"member {run.name} of {num_members}: {error}")


def _end_with_parent() -> None:
    """Ends this process when the pipe from the parent closes, at once: what matters is on disk."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(errors.RunError.exit_code)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Trains the member that the first line of standard input describes; exit status as the command line's."""
    values = json.loads(sys.stdin.readline())
    _end_with_parent()
    set_quiet(True)
    try:
        train_member(build_config(MemberRun, values), quiet=True)
    except RewardsmithError as error:
        print(json.dumps({"message": str(error), "input": isinstance(error, InputError)}), file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
