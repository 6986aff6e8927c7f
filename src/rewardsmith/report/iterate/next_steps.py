"""What to do after a run of iterated RLHF, or after the round that it stands at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardsmith.contracts.metrics.iterate import IterateFindings
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.policy.rounds.stop_rules import EVEN, round_to_label
from rewardsmith.report.commands import command_words
from rewardsmith.report.iterate.paths import SmoothPath, peak_of, smooth_paths


def next_steps(metrics: IterateFindings, options: Mapping[str, Any]) -> list[NextStep]:
    """Each with the command that does it. ``options``: those of the run, where they are not the defaults."""
    folder = Path(str(options["output_dir"]))
    if waiting := metrics["waiting_for"]:
        text = (
            f"Decide the pairs of to_label.jsonl. {_how_to_decide(f'{waiting}, beside it,')} The same command goes on."
        )
        return [_step(text, _iterate(options))]
    steps = []
    if best := metrics["best_round"]:
        policy = {"dataset_name": "prompts.jsonl", "model_name_or_path": folder / f"round-{best}" / "policy"}
        command = " ".join(("rewardsmith sample", *command_words(policy)))
        steps.append(_step(f"Use the policy of round {best}.", command))
    elif _lost(metrics) and (paths := smooth_paths(metrics["rounds"])) and paths[0].num_rollouts > 1:
        text, num_rollouts = _smaller_rounds(paths[0])
        steps.append(_step(text, _iterate({**options, **_beside(folder, "nearer"), "num_rollouts": num_rollouts})))
    if metrics["labels"] != "person" and (pairs := metrics["label_next"]):
        author = round_to_label(metrics["best_round"], len(metrics["rounds"])) - 1
        text = (
            f"Label the pairs of {pairs} next: {f'the policy of round {author}' if author else 'the first policy'} "
            f"wrote them, and none has a label yet. {_how_to_decide('decisions.jsonl beside it')} A new loop then "
            "learns from them too."
        )
        decisions = [*str(options.get("decisions") or "").split(","), str(folder / "decisions.jsonl")]
        changes = {**_beside(folder, "labelled"), "decisions": ",".join(filter(None, decisions))}
        steps.append(_step(text, _iterate({**options, **changes})))
    end = metrics["should_have_stopped"]
    if best != 0 and end is not None and end < len(metrics["rounds"]):
        text = f"Do it again and end where a stop rule holds: after round {end}."
        steps.append(_step(text, _iterate({**options, **_beside(folder, "stopped"), "stop_early": True})))
    return steps


def _smaller_rounds(first: SmoothPath) -> tuple[str, int]:
    """Why to end rounds earlier, and after how many roll-outs: where gold was highest in the first, else half way."""
    why = "No round was better than the first policy: move less in a round."
    if (peak := peak_of([first])) and peak.at_rollout + first.width // 2 < first.num_rollouts:
        found = f"In round 1 gold was highest at roll-out {peak.at_rollout} of {peak.num_rollouts}."
        return f"{why} {found}", peak.at_rollout
    return why, first.num_rollouts // 2


def _how_to_decide(file: str) -> str:
    return (
        f"Into {file} goes a line for each, with its pair_id and a decision: keep where chosen is better, flip where "
        "rejected is, tie or drop."
    )


def _lost(metrics: IterateFindings) -> bool:
    """Whether no round is better than the first policy, and the first one is worse: not where it hardly moved."""
    first = metrics["rounds"][0]["policy"]["against_first"] if metrics["rounds"] else None
    return metrics["best_round"] == 0 and first is not None and first["rate"]["value"] < EVEN


def _iterate(options: Mapping[str, Any]) -> str:
    return " ".join(("rewardsmith iterate", *command_words(options)))


def _beside(folder: Path, suffix: str) -> dict[str, str]:
    return {"output_dir": f"{folder}-{suffix}"}


def _step(text: str, command: str) -> NextStep:
    return {"text": text, "command": command}
