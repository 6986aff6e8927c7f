"""Running a case in processes of its own, which may be killed on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from digests.cases import Case
from digests.files import digest_of_text, digests_of_folder

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",  # peft writes a set of names into adapter_config.json, and fingerprints follow that file
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "COLUMNS": "120",
    "CUDA_VISIBLE_DEVICES": "",
}
MOST_TRIES = 5


def run_case(case: Case, work: Path, script: Path) -> dict[str, Any]:
    """Its digests by part, its seconds by the clock and of the processor, and the memory of its largest process."""
    out = work / "runs" / case.name
    command = _command(case, out, work, script)
    if case.killed_at:
        _kill(command, case, out, work)
    else:
        _empty(out)
    started = time.monotonic()
    _, status, usage = os.wait4(_start(command, out, work).pid, 0)
    seconds = time.monotonic() - started
    output, errors = (_beside(out, kind).read_text(encoding="utf-8") for kind in ("stdout", "stderr"))
    names = {str(out): "OUT", str(out.relative_to(work)): "OUT", str(work): "WORK"}
    parts = {"status": str(os.waitstatus_to_exitcode(status)), **digests_of_folder(out, names)}
    parts["stdout"] = digest_of_text(output, names)
    if status:
        parts["error"] = (errors.strip().splitlines() or [""])[-1]
    cpu_s = usage.ru_utime + usage.ru_stime
    return {"parts": parts, "seconds": round(seconds, 2), "cpu_s": round(cpu_s, 2), "peak_mib": usage.ru_maxrss // 1024}


def call(file: Path) -> None:
    """Worker: calls of the Python API, one after another; what each refuses is a line beside its results."""
    import rewardsmith

    spec = json.loads(file.read_text(encoding="utf-8"))
    refused = []
    for number, (verb, options) in enumerate(spec["calls"]):
        try:
            getattr(rewardsmith, verb)(**options, quiet=True)
        except Exception as error:
            refused.append(f"{number} {verb} {options}: {type(error).__name__}: {error}\n")
    Path(spec["out"], "refused.txt").write_text("".join(refused), encoding="utf-8")


def _command(case: Case, out: Path, work: Path, script: Path) -> list[str]:
    own = str(out.relative_to(work))
    if case.words:
        launcher = case.launcher.split()
        return [sys.executable, *launcher, "-m", "rewardsmith", *case.words.replace("OUT", own).split()]
    file = _beside(out, "calls")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"out": "OUT", "calls": case.calls}).replace("OUT", own), encoding="utf-8")
    return [sys.executable, str(script), "--calls", str(file)]


def _kill(command: list[str], case: Case, out: Path, work: Path) -> None:
    """Leaves the folder of a run that was killed when it had what the case waits for, and had not finished."""
    for _ in range(MOST_TRIES):
        _empty(out)
        process = _start(command, out, work)
        while not any(out.glob(case.killed_at)) and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.wait()
        if not (out / "manifest.json").exists():
            return
    raise SystemExit(f"{case.name}: finished {MOST_TRIES} times before it was killed")


def _start(command: list[str], out: Path, work: Path) -> subprocess.Popen[bytes]:
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    own = {"PYTHONPATH": os.pathsep.join(paths), "REWARDSMITH_CACHE": str(work / "cache")}
    with _beside(out, "stdout").open("wb") as output, _beside(out, "stderr").open("wb") as errors:
        environment = {**os.environ, **ENVIRONMENT, **own}
        return subprocess.Popen(command, cwd=work, env=environment, stdout=output, stderr=errors)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _beside(out: Path, kind: str) -> Path:
    return out.with_name(f"{out.name}.{kind}")
