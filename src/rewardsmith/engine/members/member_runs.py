"""The members of a `full` ensemble, one after the other or in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rewardsmith.artifacts.terminal.progress import ProgressHandle, progress, say
from rewardsmith.engine.members.member_memory import affordable, num_cores
from rewardsmith.engine.members.member_process import MemberProcess
from rewardsmith.engine.members.member_training import MemberSpec, finished_member, train_member
from rewardsmith.engine.members.saved_gaps import SavedGaps
from rewardsmith.errors import InputError, RewardsmithError, RunError

POLL_S = 0.5


def run_members(
    runs: Sequence[MemberSpec], parallel: int = 1, quiet: bool = False, description: str = "Members"
) -> list[SavedGaps]:
    """Results in the order of the runs. Finished members are not trained again; an error names its member.

    ``parallel`` processes share the cores. An error ends the others; what they had saved stays for the next time.
    """
    with progress(description, len(runs), quiet) as bar:
        waiting = [spec for spec in runs if finished_member(spec) is None]
        if num_finished := len(runs) - len(waiting):
            say(f"{num_finished} of {len(runs)} members are finished already.")
            bar.advance(num_finished)
        if waiting and parallel > 1:
            _in_processes(waiting, affordable(min(parallel, len(waiting)), waiting[0]), bar, len(runs))
        else:
            for spec in waiting:
                _in_this_process(spec, bar, len(runs), quiet)
    found = [finished_member(spec) for spec in runs]
    assert all(found), "a member that trained without an error has a result"
    return [result for result in found if result is not None]


def _in_this_process(spec: MemberSpec, bar: ProgressHandle, num_members: int, quiet: bool) -> None:
    try:
        train_member(spec, quiet)
    except RewardsmithError as error:
        raise _about(spec, num_members, error) from error
    bar.advance()


def _in_processes(waiting: list[MemberSpec], parallel: int, bar: ProgressHandle, num_members: int) -> None:
    threads = max(1, num_cores() // parallel)
    queue, running = list(waiting), list[MemberProcess]()
    shown = num_finished = 0.0
    try:
        while queue or running:
            while queue and len(running) < parallel:
                running.append(MemberProcess(queue.pop(0), threads))
            for member in [member for member in running if member.ended]:
                running.remove(member)
                try:
                    member.close()
                except RewardsmithError as error:
                    raise _about(member.spec, num_members, error) from error
                num_finished += 1
            done = max(shown, num_finished + sum(member.share_done for member in running))
            bar.advance(done - shown)
            shown = done
            time.sleep(POLL_S if running else 0)
    finally:
        for member in running:
            member.ask_to_end()
        for member in running:
            member.end()


def _about(spec: MemberSpec, num_members: int, error: RewardsmithError) -> RewardsmithError:
    """The same error with the member's name. Once members are trained it is the run's: the folder has to stay."""
    nothing_trained = not any(Path(spec.folder).glob("[0-9]*.safetensors"))
    kind = type(error) if isinstance(error, InputError) and nothing_trained else RunError
    return kind(f"member {spec.name} of {num_members}: {error}")
