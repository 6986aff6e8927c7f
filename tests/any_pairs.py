"""Tables of any pairs that the loader could give, for hypothesis, and refined folders of such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from rewardsmith.artifacts.files.atomic import write_table
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.contracts.tables import LEDGER, PAIRS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda text: bool(text.strip())
)
TURNS = st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "assistant"]), TEXTS)
SYSTEMS = st.builds(lambda text: {"role": "system", "content": text}, TEXTS)
CONVERSATIONS = st.lists(TURNS, max_size=4)
ALTERNATING = st.lists(TEXTS, min_size=1, max_size=5).map(
    lambda texts: [
        {"role": "assistant" if i % 2 else "user", "content": text}
        for i, text in enumerate(texts[: len(texts) - 1 + len(texts) % 2])
    ]
)
"""Prompts that every consumer takes."""
PROMPTS = st.one_of(CONVERSATIONS, ALTERNATING, st.builds(lambda system, rest: [system, *rest], SYSTEMS, ALTERNATING))
NAMES = st.none() | st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=4)
FLOATS = st.floats(-1e4, 1e4, width=32).map(lambda value: float(np.float32(value)))
TARGETS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)


def pair_rows(prompts: st.SearchStrategy[Any] = PROMPTS) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of the pairs table: any texts, targets, margins and weights."""
    row = st.fixed_dictionaries(
        {
            "prompt": prompts,
            "responses": st.tuples(TEXTS, TEXTS).filter(lambda pair: pair[0] != pair[1]),
            "target": TARGETS,
            "margin": FLOATS,
            "weight": st.sampled_from([0.0, 0.5, 1.0, 3.0]),
            "source": NAMES,
            "category": NAMES,
        }
    )
    return st.lists(row, min_size=1, max_size=6)


def table_of(rows: list[dict[str, Any]], schema: pa.Schema = PAIRS) -> pa.Table:
    """The rows as a table; whatever they do not name is made up or null."""
    made = []
    for i, row in enumerate(rows):
        chosen, rejected = row["responses"]
        defaults = {"pair_id": f"pair-{i}", "row": i, "prompt_id": f"prompt-{i}", "split_group": f"group-{i}"}
        sides = {"chosen": chosen, "rejected": rejected}
        texts = {side: [{"role": "assistant", "content": text}] for side, text in sides.items()}
        made.append({**defaults, "target": 1.0, "margin": 0.0, "weight": 1.0, **row, **texts})
    return pa.table({name: [row.get(name) for row in made] for name in schema.names}, schema=schema)


def ledger_of(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a ledger; what they do not say was not changed."""
    unchanged = {"swapped": False, "rules": [], "reason": "", "target_given": 1.0, "margin_given": 0.0}
    return table_of([{**unchanged, "weight_given": 1.0, **row} for row in rows], LEDGER)


def write_refined(folder: Path, ledger: pa.Table, verb: str = "refine", finished: bool = True) -> Path:
    """A folder as `refine` leaves it: the ledger, and a file of rows that nobody may take for the set."""
    run = RunFolder.open(folder, verb, {}, {})
    write_table(folder / "ledger.parquet", ledger)
    (folder / "train.jsonl").write_text("{}\n")
    if finished:
        run.finish()
    return folder
