"""What to do after a run of iterated RLHF, or after the round that it stands at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardsmith.contracts.metrics.iterate import IterateFindings
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.report.commands import command_words


def next_steps(metrics: IterateFindings, options: Mapping[str, Any]) -> list[NextStep]:
    """Each with the command that does it. ``options``: those of the run, where they are not the defaults."""
    folder = Path(str(options["output_dir"]))
    again = _iterate(options)
    if waiting := metrics["waiting_for"]:
        text = (
            f"Decide the pairs of to_label.jsonl, which lies beside it: into {waiting} goes a line for each, with its "
            "pair_id and a decision (keep, flip, tie or drop). Then the same command goes on."
        )
        return [{"text": text, "command": again}]
    steps = []
    if best := metrics["best_round"]:
        policy = {"dataset_name": "prompts.jsonl", "model_name_or_path": folder / f"round-{best}" / "policy"}
        command = " ".join(("rewardsmith sample", *command_words(policy)))
        steps.append(_step(f"Use the policy of round {best}.", command))
    if pairs := metrics["label_next"]:
        text = (
            f"Label the pairs of {pairs} next: they are what the policy writes by now, and no label says anything of "
            "that yet. With a person in the loop every round waits for such decisions."
        )
        adapt = "retrain" if metrics["adapt"] == "none" else metrics["adapt"]
        changes = {**_beside(folder, "labelled"), "labels": "person", "adapt": adapt}
        steps.append(_step(text, _iterate({**options, **changes})))
    if (end := metrics["should_have_stopped"]) and end < len(metrics["rounds"]):
        text = f"Do it again and end where a stop rule holds: after round {end}."
        steps.append(_step(text, _iterate({**options, **_beside(folder, "stopped"), "stop_early": True})))
    return steps


def _iterate(options: Mapping[str, Any]) -> str:
    return " ".join(("rewardsmith iterate", *command_words(options)))


def _beside(folder: Path, suffix: str) -> dict[str, str]:
    return {"output_dir": f"{folder}-{suffix}"}


def _step(text: str, command: str) -> NextStep:
    return {"text": text, "command": command}
