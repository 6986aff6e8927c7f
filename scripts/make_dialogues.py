"""Makes the preference set `embedded/dialogues` and its data card.

    python scripts/make_dialogues.py              # from the raw responses in scripts/dialogues/raw
    python scripts/make_dialogues.py --check      # only measures the set that is there
    python scripts/make_dialogues.py --work_dir elsewhere --seed 1      # samples anew, then all the rest

Sampling takes 10 to 30 minutes on two cores and is resumed where it stopped; grading, pairing and labelling take
seconds and depend on the seed and the raw responses alone. Raw responses depend on the seed, the version of PyTorch
and the processor, so another machine may sample other words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from dialogues.card import write_card
from dialogues.checks import LENGTH_LIMIT, PROBE_RANGE, probe_accuracies, summary
from dialogues.grading import Base, Response, bases, generator, responses
from dialogues.pairing import balance_lengths, choose_pairs, label_pairs
from dialogues.prompts import Prompt, read_prompts

from rewardsmith.preferences.sources.embedded import dialogues_path

HERE = Path(__file__).parent
RAW = HERE / "dialogues" / "raw"
CARD = HERE.parent / "docs" / "data_cards" / "dialogues.md"


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the preference set embedded/dialogues.")
    parser.add_argument("--work_dir", type=Path, default=RAW, help="where raw responses are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="write nothing; measure the set that is there")
    parser.add_argument("--no_probe", action="store_true", help="leave the probe out (seconds instead of minutes)")
    options = parser.parse_args()

    if options.check:
        with gzip.open(dialogues_path(), "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
    else:
        rows = make_rows(options.work_dir, options.seed)
        write_rows(rows, dialogues_path())
    facts = summary(rows)
    if not options.no_probe:
        facts["probe"] = probe_accuracies(rows)
        if not options.check:
            (options.work_dir / "probe.json").write_text(json.dumps(facts["probe"]), encoding="utf-8")
    elif (options.work_dir / "probe.json").exists():
        facts["probe"] = json.loads((options.work_dir / "probe.json").read_text(encoding="utf-8"))
    print(json.dumps(facts, indent=1))
    if not options.check:
        write_card(rows, facts, CARD, options.seed)
    return _verdict(facts)


def make_rows(work_dir: Path, seed: int) -> list[dict[str, Any]]:
    """Samples what is missing, then grades, pairs and labels."""
    from dialogues.sampling import sample_responses

    prompts = read_prompts(HERE / "dialogues" / "prompts")
    work_dir.mkdir(parents=True, exist_ok=True)
    samples = sample_responses(prompts, work_dir / "raw.jsonl", seed)
    own = {p.key: bases(p, samples[p.key]) for p in prompts}
    near = nearest(prompts)
    pool: dict[str, list[Response]] = {}
    for prompt in prompts:
        others = [p for p in prompts if p.category != prompt.category]
        rng = generator(seed, prompt.key)
        far_bases: list[Base] = [base for i in rng.permutation(len(others))[:12] for base in own[others[i].key]]
        near_bases = [base for p in near[prompt.key] for base in own[p.key]]
        pool[prompt.key] = responses(prompt, own[prompt.key], near_bases, far_bases, rng)
    pool = balance_lengths(pool, np.random.default_rng([seed, 3]))
    return label_pairs(choose_pairs(prompts, pool, seed), seed)


def nearest(prompts: list[Prompt], count: int = 3) -> dict[str, list[Prompt]]:
    """The prompts of the same category with most words in common (TF-IDF)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(sublinear_tf=True).fit_transform([p.messages[-1][1] for p in prompts])
    likeness = (vectors @ vectors.T).toarray()
    found = {}
    for i, prompt in enumerate(prompts):
        order = [
            j for j in np.argsort(-likeness[i], kind="stable") if j != i and prompts[j].category == prompt.category
        ]
        found[prompt.key] = [prompts[j] for j in order[:count]]
    return found


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Gzipped JSON Lines of reproducible bytes: no time, no file name."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as zipped:
        zipped.write(text.encode("utf-8"))


def _verdict(facts: dict[str, Any]) -> int:
    worst = max(facts["length_accuracy"].values())
    best = max(facts.get("probe", {"none": PROBE_RANGE[0]}).values())
    good = worst <= LENGTH_LIMIT and PROBE_RANGE[0] <= best <= PROBE_RANGE[1]
    print(f"length alone {worst:.3f} (at most {LENGTH_LIMIT}), best probe {best:.3f} (within {PROBE_RANGE}): {good}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
