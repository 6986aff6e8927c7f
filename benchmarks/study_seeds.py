"""What each seed of a study of arms says: means, and differences to the baseline with intervals over the seeds.

Question   The report of `study arms` has intervals over prompts and seeds. What do the seeds alone say?
Workload   The folder of a finished study.
Ceiling    Three seeds: Student's t widens the interval to 2.5 standard deviations of the differences.
Command    python benchmarks/study_seeds.py runs/study-arms-prefs
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from seed_table import SeedTable

from rewardsmith.artifacts.files.rows import read_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    folder = parser.parse_args().study
    results: dict[tuple[str, int], dict[str, float]] = {}
    for row in read_rows(folder / "tests.jsonl"):
        numbers = {f"{name} {key}": test[key] for name, test in row["tests"].items() for key in ("accuracy", "nll")}
        results[row["arm"], row["seed"]] = numbers
    arms = list(dict.fromkeys(arm for arm, _ in results))
    keys = list(dict.fromkeys(key for numbers in results.values() for key in numbers))
    table = SeedTable(results)
    table.print(arms, arms[0], keys)
    for key in keys:
        print(json.dumps({"number": key, "by_seed": {arm: table.values(arm, key) for arm in arms}}))


if __name__ == "__main__":
    main()
