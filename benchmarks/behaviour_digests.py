"""Does a change of the code's shape change a figure?

Question   Every verb, every ensemble, every way to train, with fixed seeds, once on each of two trees: are all results
           the same, bit by bit? And did seconds or memory change?
Workload   The embedded set and 500 real pairs with the embedded encoder; a tiny random decoder on made pairs for the
           rest (`digests/cases.py`). What may differ between two runs is a table (`digests/files.py`).
Ceiling    None: two runs of one tree on one machine print the same digests.
Command    PYTHONPATH=BEFORE/src python benchmarks/behaviour_digests.py --output before.json
           PYTHONPATH=AFTER/src python benchmarks/behaviour_digests.py --output after.json --compare before.json
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digests.cases import CASES, Case
from digests.files import digest
from digests.material import write_material
from digests.processes import call, run_case

SCRIPT = Path(__file__).resolve()
OF_A_KILLED_RUN = ("  stdout:", "  manifest.json:config:")  # it counts its own pairs a second, and saves more often


def main() -> int:
    """Prints a line a case, then one JSON line; 1 if something differs."""
    args = _arguments()
    if args.calls:
        call(args.calls)
        return 0
    if args.material:
        write_material(args.material)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        found = _run_all((args.work or Path(temporary)).resolve(), args.data.resolve(), args.only)
    if args.output:
        args.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    differences = _unlike_their_twin(found)
    if args.compare:
        before = json.loads(args.compare.read_text(encoding="utf-8"))
        differences += _compare(before, found, args.only)
    print(*differences, sep="\n")
    summary = {
        name: {key: case[key] for key in ("digest", "seconds", "cpu_s", "peak_mib")} for name, case in found.items()
    }
    print(json.dumps({"differences": len(differences), "cases": summary}))
    return 1 if differences else 0


def _run_all(work: Path, data: Path, only: list[str]) -> dict[str, Any]:
    ukp = data / "ukp_convarg.jsonl.gz"
    wanted = _with_needs([case for case in CASES if ukp.exists() or case.name != "audit_ukp"], only)
    package = find_spec("rewardsmith")
    assert package is not None
    print(f"{package.origin}\n{'case':<22} {'digest':<16} {'s':>6} {'CPU s':>6} {'MiB':>6}")
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        raise SystemExit(f"--work {work} is not empty: features kept there would change the times")
    if ukp.exists():
        shutil.copy(ukp, work)
    subprocess.run([sys.executable, str(SCRIPT), "--material", str(work)], check=True, stderr=subprocess.DEVNULL)
    found = {}
    for case in wanted:
        result = run_case(case, work, SCRIPT)
        own = {"digest": digest(json.dumps(result["parts"], sort_keys=True)), "same_as": case.same_as}
        found[case.name] = {**own, **result}
        numbers = f"{result['seconds']:6.1f} {result['cpu_s']:6.1f} {result['peak_mib']:6}"
        print(f"{case.name:<22} {own['digest']} {numbers}", flush=True)
        if error := result["parts"].get("error"):
            print(f"  status {result['parts']['status']}: {error}")
    if not ukp.exists():
        print(f"{'audit_ukp':<22} skipped: there is no {ukp}")
    return found


def _with_needs(cases: list[Case], only: list[str]) -> list[Case]:
    by_name = {case.name: case for case in cases}
    if unknown := set(only) - by_name.keys():
        raise SystemExit(f"--only {' '.join(sorted(unknown))}: there is {', '.join(by_name)}")
    wanted = set(only or by_name)
    while more := {need for name in wanted for need in by_name[name].needs} - wanted:
        wanted |= more
    return [case for case in cases if case.name in wanted]


def _unlike_their_twin(found: dict[str, Any]) -> list[str]:
    """What a run that was killed has otherwise than the one that was not."""
    lines = []
    for name, case in found.items():
        if twin := found.get(case["same_as"]):
            lines += _differences(name, twin["parts"], case["parts"], case["same_as"])
    return [line for line in lines if not any(part in line for part in OF_A_KILLED_RUN)]


def _compare(before: dict[str, Any], after: dict[str, Any], only: list[str]) -> list[str]:
    lines = []
    print("\n| case | s before | after | CPU s before | after | MiB before | after |\n|---|---|---|---|---|---|---|")
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after:
            then, now = before[name], after[name]
            cells = (run[key] for key in ("seconds", "cpu_s", "peak_mib") for run in (then, now))
            print(f"| {name} | {' | '.join(map(str, cells))} |")
            lines += _differences(name, then["parts"], now["parts"], "before")
        elif not only:
            lines.append(f"{name}: only {'before' if name in before else 'now'}")
    return lines


def _differences(name: str, before: dict[str, str], after: dict[str, str], side: str) -> list[str]:
    parts = [part for part in dict.fromkeys([*before, *after]) if before.get(part) != after.get(part)]
    return [f"{name}  {part}: {side} {before.get(part, 'absent')}, now {after.get(part, 'absent')}" for part in parts]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="new folder of all runs, which stays; default: a temporary one")
    parser.add_argument("--data", type=Path, default=SCRIPT.parents[2] / "shared" / "data")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="cases to run, with what they need")
    parser.add_argument("--output", type=Path, help="JSON with the digest of every part")
    parser.add_argument("--compare", type=Path, help="the --output of another run")
    parser.add_argument("--calls", type=Path, help=argparse.SUPPRESS)  # this and the next: processes of this script
    parser.add_argument("--material", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
