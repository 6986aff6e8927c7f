"""The data card of `embedded/dialogues`: its numbers and fifty examples, written from the set itself."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np

NUM_EXAMPLES = 50
TEMPLATE = Path(__file__).with_name("card.md")


def write_card(rows: list[dict[str, Any]], facts: dict[str, Any], path: Path, seed: int) -> None:
    """Fills the card's text with tables and examples."""
    text = TEMPLATE.read_text(encoding="utf-8")
    probe = facts.get("probe", {})
    values = {
        "num_pairs": f"{facts['num_pairs']:,}",
        "num_prompts": str(facts["num_prompts"]),
        "multi_turn": str(facts["multi_turn"]),
        "with_system": str(facts["with_system"]),
        "flipped": f"{facts['flipped']:.1%}",
        "annotators": ", ".join(f"{k} {v:.1%}" for k, v in facts["flipped_by_annotator"].items()),
        "quarters": ", ".join(f"{v:.1%}" for v in facts["flipped_by_gap_quarter"]),
        "length_letters": f"{facts['length_accuracy']['letters']:.3f}",
        "length_words": f"{facts['length_accuracy']['words']:.3f}",
        "probe_best": f"{max(probe.values()):.3f}" if probe else "not measured",
        "probe_table": _table(("layer", "held-out accuracy"), [(k, f"{v:.3f}") for k, v in probe.items()]),
        "reference_wins": f"{facts['reference_wins_over_sample']:.3f}",
        "num_mixed": str(facts["num_reference_against_sample"]),
        "grades": _table(
            ("grade", "responses", "words (mean)", "latent quality (mean)", "latent quality (10 % to 90 %)"),
            [
                (g, n, f"{facts['words_by_grade'][g]:.1f}", f"{facts['quality_by_grade'][g]:.2f}", _range(rows, int(g)))
                for g, n in facts["responses_by_grade"].items()
            ],
        ),
        "causes": _table(("cause", "responses"), facts["responses_by_cause"].items()),
        "edits": _table(("edit", "responses"), facts["responses_by_edit"].items()),
        "origins": _table(("made from", "responses"), facts["responses_by_origin"].items()),
        "categories": _table(("category", "pairs"), facts["pairs_by_category"].items()),
        "examples": "\n\n".join(_example(row) for row in _drawn(rows, seed)),
    }
    for name, value in values.items():
        text = text.replace(f"<<{name}>>", value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _table(head: tuple[str, ...], body: Any) -> str:
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _range(rows: list[dict[str, Any]], grade: int) -> str:
    sides = [row["meta"]["truth"][side] for row in rows for side in ("chosen", "rejected")]
    low, high = np.quantile([s["quality"] for s in sides if s["grade"] == grade], [0.1, 0.9])
    return f"{low:.2f} to {high:.2f}"


def _drawn(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """A random sample, not a choice."""
    picked = np.random.default_rng([seed, 13]).permutation(len(rows))[:NUM_EXAMPLES]
    return [rows[i] for i in sorted(picked)]


def _example(row: dict[str, Any]) -> str:
    truth = row["meta"]["truth"]
    verdict = "**flipped**" if truth["flipped"] else "as by construction"
    lines = [f"### {row['id']} ({row['category']}, annotator {row['annotator_id']}, label {verdict})", ""]
    lines += [f"> **{m['role']}:** {_quoted(m['content'])}  " for m in row["prompt"]]
    for side in ("chosen", "rejected"):
        t = truth[side]
        made = f"grade {t['grade']}, quality {t['quality']:.2f}, {t['origin']}, {t['edit']}"
        lines += ["", f"*{side}* ({made}):", "", f"> {_quoted(row[side])}"]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Text as it is, safe inside a Markdown quotation."""
    escaped = html.escape(text, quote=False)
    for letter in "\\`*_[]#|":
        escaped = escaped.replace(letter, "\\" + letter)
    return escaped.replace("\n", "<br>")
