"""``rewardsmith simulate``: a preference set with planted truth, as one JSON Lines file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.simulate import simulate
from rewardsmith.workflows.options.simulate import SimulateConfig
from rewardsmith.workflows.outputs.output_paths import refuse_existing


@dataclass(frozen=True)
class SimulateResult:
    """What was written. Shares are of all pairs; ties are never flipped or wrong."""

    path: str
    num_pairs: int
    num_prompts: int
    num_ties: int
    num_flipped: int
    num_wrong: int

    def summary(self) -> dict[str, Any]:
        return asdict(self)

    def print(self, console: Any) -> None:
        console.print(
            f"{self.num_pairs:,} pairs of {self.num_prompts:,} prompts, {self.num_ties:,} of them ties. "
            f"{self.num_flipped:,} labels were flipped; with the annotators' own errors {self.num_wrong:,} are wrong."
        )
        console.print(
            f"Written to {self.path}; the truth stands under meta.truth, which the audit never reads.", markup=False
        )
        console.print(f"Next: rewardsmith audit {self.path}", markup=False)


def run_simulate(config: SimulateConfig) -> SimulateResult:
    """Simulates and writes the file. ``OutputError`` where it exists and may not be replaced."""
    if not config.output_file:
        raise ConfigError("--output_file is missing: name the JSON Lines file to write, such as simulated.jsonl.")
    path = Path(config.output_file)
    refuse_existing(path, config.overwrite)
    rows = simulate(
        config.num_pairs,
        pairs_per_prompt=config.pairs_per_prompt,
        annotator=config.annotator,
        annotator_skills=_skills(config.annotator_skills),
        votes_per_pair=config.votes_per_pair,
        flips=config.flips,
        flip_rate=config.flip_rate,
        tie_rate=config.tie_rate,
        seed=config.seed,
    )
    write_jsonl(path, rows)
    truths = [row["meta"]["truth"] for row in rows]
    return SimulateResult(
        path=str(path),
        num_pairs=len(rows),
        num_prompts=len({row["prompt"][0]["content"] for row in rows}),
        num_ties=sum(row["votes"]["chosen"] == row["votes"]["rejected"] for row in rows),
        num_flipped=sum(truth["flipped"] for truth in truths),
        num_wrong=sum(truth["wrong"] for truth in truths),
    )


def _skills(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(skill) for skill in text.split(","))
    except ValueError:
        raise ConfigError(f'--annotator_skills "{text}": give numbers between 0 and 1, separated by commas.') from None
