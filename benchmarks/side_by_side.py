"""Measuring two programs side by side: every measurement in a process of its own, every result kept as it comes.

A script lists its workers and calls ``serve(WORKERS)`` first of all; ``in_own_process`` starts the script again as one
of them. So no side inherits memory, threads or warm caches from the other, and a peak is that of one measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
Worker = Callable[[dict[str, Any]], dict[str, Any]]


def serve(workers: Sequence[Worker]) -> None:
    """Runs the worker that the command line names and ends the process; returns if it names none."""
    if sys.argv[1:2] != ["--worker"]:
        return
    worker = {worker.__name__: worker for worker in workers}[sys.argv[2]]
    result = worker(json.load(sys.stdin))
    print("\n" + json.dumps({**result, "peak_gib": result.get("peak_gib") or peak_gib()}))
    raise SystemExit(0)


def in_own_process(worker: Worker, spec: dict[str, Any]) -> dict[str, Any]:
    """What a worker of the running script returns for ``spec``, with wall and processor time of its whole process."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **QUIET}
    command = [sys.executable, sys.argv[0], "--worker", worker.__name__]
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(spec))
    process.stdin.close()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{worker.__name__} failed with status {process.returncode} on {json.dumps(spec)}")
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return {**result, "process_s": time.monotonic() - started, "cpu_s": usage.ru_utime + usage.ru_stime}


def peak_gib() -> float:
    """Most resident memory of this process so far.

    Linux: its own high-water mark, since the one in ``getrusage`` begins with that of the process that started it.
    """
    status = Path("/proc/self/status")
    marks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")] if status.exists() else []
    if marks:
        return int(marks[0].split()[1]) / 2**20
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Results:
    """Rows of a run; with a file, a run that was killed goes on behind its last row.

    Rows of other settings in the same file are left alone and not used.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._path, self._settings = path, json.loads(json.dumps(settings))
        text = path.read_text() if path is not None and path.exists() else ""
        self._cut = bool(text) and not text.endswith("\n")  # killed while it wrote
        rows = [row for row in map(_row, text.splitlines()) if row is not None]
        self._done = {row["key"]: row["result"] for row in rows if row["settings"] == self._settings}

    def once(self, key: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a measurement, taken now unless the file has it."""
        if key not in self._done:
            self._done[key] = measure()
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                row = {"key": key, "settings": self._settings, "result": self._done[key]}
                with self._path.open("a") as file:
                    file.write("\n" * self._cut + json.dumps(row) + "\n")
                self._cut = False
        return self._done[key]


def _row(line: str) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:  # a line that was cut
        return None
    return row


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def shown(values: Sequence[float], digits: int = 2) -> str:
    """The same for a table."""
    low, middle, high = min(values), median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def machine() -> dict[str, Any]:
    """Processor, cores this process may use, system, and the code that is measured: all that rows may not differ in."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = names[0].split(":", 1)[1].strip() if names else platform.processor()
    code = {"python": platform.python_version(), "versions": _versions(), "source": _source()}
    return {"processor": name, "cores": cores, "system": platform.system(), **code}


def _versions() -> dict[str, str]:
    found = {}
    for package in ("torch", "transformers", "accelerate", "trl"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _source() -> str:
    """Digest of the project's code and of the scripts here."""
    package = find_spec("rewardsmith")
    assert package is not None and package.submodule_search_locations
    roots = [Path(package.submodule_search_locations[0]), Path(__file__).parent]
    files = [file for root in roots for file in sorted(root.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
