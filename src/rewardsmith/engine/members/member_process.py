"""One member in a process of its own.

The process reads one line of JSON, a ``MemberSpec``, from its standard input and trains that member. The pipe stays
open: when its other end closes, the parent is gone, and the process ends too, so that no resumed run meets it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress

from rewardsmith.artifacts.config.flat_config import build_config, flatten
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.engine.members.member_training import MemberSpec, train_member
from rewardsmith.errors import InputError, RewardsmithError, RunError

TAIL_LINES = 15
GRACE_S = 60.0  # to finish a step and save a checkpoint


class MemberProcess:
    """A member that is being trained elsewhere, with so many threads."""

    def __init__(self, spec: MemberSpec, threads: int) -> None:
        self.spec = spec
        spec.model_path.mkdir(parents=True, exist_ok=True)
        self._said = spec.model_path / "stderr.txt"
        with self._said.open("w", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rewardsmith.engine.members.member_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"},
                start_new_session=True,  # Ctrl-C is for the parent, which ends its members in order
            )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already, and its status will say of what
            self._process.stdin.write(json.dumps(flatten(spec)) + "\n")
            self._process.stdin.flush()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self._process.poll() is not None

    @property
    def share_done(self) -> float:
        """How far the training is, by its log."""
        try:
            lines = (self.spec.model_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            return min(1.0, float(json.loads(lines[-1])["epoch"]) / self.spec.train.num_train_epochs)
        except (OSError, IndexError, ValueError, KeyError):
            return 0.0

    def close(self) -> None:
        """Takes the end of the process to its records; raises what it died of."""
        self._process.communicate()
        status = self._process.returncode
        if status:
            raise self._error(status)
        self._said.unlink(missing_ok=True)

    def ask_to_end(self) -> None:
        """Lets it finish a step and save; does not wait."""
        self._process.terminate()

    def end(self) -> None:
        """Waits a while for it to end, then ends it."""
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.communicate()

    def _error(self, status: int) -> RewardsmithError:
        """Its own last line where that is one of our errors, else the end of what it said."""
        if status < 0:
            return RunError(
                f"its process was ended by signal {-status}. Signal 9 most often means too little memory: lower "
                "`parallel_members` or `max_tokens_per_batch`."
            )
        lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        try:
            last = json.loads(lines[-1])
            return (InputError if last["input"] else RunError)(last["message"])
        except (IndexError, ValueError, KeyError, TypeError):
            return RunError(f"its process failed with status {status}: {' | '.join(lines[-TAIL_LINES:])}")


def main() -> int:
    """Trains the member that the first line of standard input describes; exit status as the command line's."""
    values = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_quiet(True)
    try:
        train_member(build_config(MemberSpec, values), quiet=True)
    except RewardsmithError as error:
        print(json.dumps({"message": str(error), "input": isinstance(error, InputError)}), file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _end_with_parent() -> None:
    """Ends this process when the pipe from the parent closes, at once: what matters is on disk."""
    sys.stdin.read()
    os._exit(RunError.exit_code)


if __name__ == "__main__":
    sys.exit(main())
