"""What to do after an audit, by how much it may say of the labels."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rewardsmith.contracts.metrics.audit import AuditFindings, DataNumbers
from rewardsmith.contracts.metrics.parts import NextStep
from rewardsmith.refining.decisions_file import DECISIONS_FILE
from rewardsmith.report.commands import LANGUAGE_MODEL, command_words
from rewardsmith.strength.ensembles.kinds import KINDS

STRONGER = (LANGUAGE_MODEL, "Qwen/Qwen3-4B")
"""Judges to ask next, the smaller one first."""


@dataclass(frozen=True)
class AskedFor:
    """The command behind an audit, so that the next ones read the same set and judge in the same way."""

    folder: str
    data: Mapping[str, Any]
    """What tells which rows are read; every verb that trains knows these options."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """All others that differ from their defaults."""

    def train(self, **options: Any) -> str:
        options = {**self.data, "model_name_or_path": LANGUAGE_MODEL, **options}
        return " ".join(("rewardsmith train", *command_words(options)))

    def refine(self, **options: Any) -> str:
        return " ".join(("rewardsmith refine", *command_words({"audit_dir": self.folder, **options})))

    def audit(self, suffix: str, **changes: Any) -> str:
        """Into a folder beside this one. A change to None leaves the option out."""
        options = {**self.data, **self.options, **changes, "output_dir": f"{self.folder}-{suffix}"}
        return " ".join(("rewardsmith audit", *command_words(options)))


def next_steps(metrics: AuditFindings, asked: AskedFor, keeps_members: bool) -> list[NextStep]:
    """Each with the command that does it. ``keeps_members``: models of the members stay in the folder."""
    by_level = {"labels_judged": _labels_judged, "reading_order": _reading_order, "cannot_tell": _cannot_tell}
    steps = by_level[metrics["claim"]["level"]](metrics, asked)
    if KINDS[metrics["ensemble"]["kind"]].models and keeps_members:
        steps.append(
            _step(
                "Let the same judges score other responses; where they differ, trust the reward less.",
                f"rewardsmith score other.jsonl --reward_model_path {shlex.quote(asked.folder)}",
            )
        )
    train = asked.train(eval_fraction=0.1)
    return [*steps, _step("Train a reward model and measure it on held-out prompts.", train)]


def _labels_judged(metrics: AuditFindings, asked: AskedFor) -> list[NextStep]:
    structured = metrics["structured"]
    recipe = None if structured else "drop"
    steps = [
        _step(
            "Read the most doubtful labels, and why each is doubted; doubtful.csv has them as a table.",
            f"rewardsmith show {shlex.quote(asked.folder)}",
        ),
        _step(
            "Leave out what is more likely wrong than right, or soften, flip, weigh it: every row can be had back.",
            asked.refine(recipe=recipe),
        ),
        _step(
            f"{_decide(asked)}. What you decide goes over the recipe.",
            asked.refine(recipe=recipe, decisions=DECISIONS_FILE, output_dir=f"{asked.folder}-decided"),
        ),
    ]
    if structured and structured["sentence"]:
        steps.append(
            _step(
                "Or let the loss know of errors by length and category, unless that is what people truly want.",
                asked.train(noise_aware=asked.folder),
            )
        )
    return steps + _other_pairs_of_a_prompt(metrics, asked)


def _reading_order(metrics: AuditFindings, asked: AskedFor) -> list[NextStep]:
    steps = [
        _step(
            "Read in order, the most doubtful first: no label is called wrong, but wrong ones stand nearer to the top.",
            f"rewardsmith show {shlex.quote(asked.folder)}",
        ),
        _step(
            f"{_decide(asked)}, and have that done and nothing else.",
            asked.refine(recipe="decisions", decisions=DECISIONS_FILE),
        ),
    ]
    return steps + _other_pairs_of_a_prompt(metrics, asked) + _better_evidence(metrics, asked)


def _cannot_tell(metrics: AuditFindings, asked: AskedFor) -> list[NextStep]:
    votes = _step(
        "Or bring what no judge knows: the votes of several people on each pair (docs/formats.md), or more pairs.",
        "rewardsmith audit more.jsonl",
    )
    return [*_better_evidence(metrics, asked), votes]


def _decide(asked: AskedFor) -> str:
    """How the file of decisions comes to be: in the report's table, or by hand where it has none."""
    if asked.options.get("report_pairs") == 0:
        return f"Decide: write {DECISIONS_FILE}, lines of `row` and `decision` (keep, flip, tie or drop)"
    return f"Decide in the table of report.html (keep, flip, tie or drop, by button or key), save its {DECISIONS_FILE}"


def _other_pairs_of_a_prompt(metrics: AuditFindings, asked: AskedFor) -> list[NextStep]:
    ensemble = metrics["ensemble"]
    if not KINDS[ensemble["kind"]].fits_heads or ensemble["fold_by"] == "pair" or not _reuses(metrics["data"]):
        return []
    text = "Responses stand in several pairs here. Judges that may see a prompt's other pairs find more."
    return [_step(text, asked.audit("by-pair", fold_by="pair"))]


def _better_evidence(metrics: AuditFindings, asked: AskedFor) -> list[NextStep]:
    """Audits that may say more than this one."""
    steps: list[NextStep] = []
    doubts, data = metrics["claim"]["doubts"], metrics["data"]
    if "in_sample" in doubts and KINDS[metrics["ensemble"]["kind"]].refits:
        text = "Ask judges that never saw the labels which they judge."
        steps.append(_step(text, asked.audit("held-out", crossfit=None)))
    if "not_measured" in doubts:
        text = "Flip some labels on purpose, to see how many of them are found."
        steps.append(_step(text, asked.audit("measured", planted_rate=0.2)))
    stronger = _stronger(metrics["ensemble"]["model"])
    if stronger and doubts != ["not_measured"]:
        ensemble = _refitting(asked.options.get("ensemble"))
        changes = {"model_name_or_path": stronger, "ensemble": ensemble, "crossfit": None}
        text = "Ask a stronger judge: any Hub model or local folder can take the place of this one."
        steps.append(_step(text, asked.audit(stronger.rpartition("/")[2].lower(), **changes)))
    if data["num_rows_available"] > data["num_rows_read"]:
        text = f"Audit all {data['num_rows_available']:,} rows instead of a sample."
        steps.append(_step(text, asked.audit("whole", max_pairs=None)))
    return steps


def _stronger(model: str | None) -> str | None:
    """The next judge to ask; None after the last, and where a model was named whose strength is not known here."""
    if model is None or model.startswith("embedded/"):
        return STRONGER[0]
    return STRONGER[STRONGER.index(model) + 1] if model in STRONGER[:-1] else None


def _refitting(ensemble: str | None) -> str | None:
    """The same kind of ensemble, unless its scores were given: another model changes nothing for those."""
    return None if ensemble == "given" else ensemble


def _reuses(data: DataNumbers) -> bool:
    return data["num_pairs"] >= 2 * data["num_responses"]


def _step(text: str, command: str) -> NextStep:
    return {"text": text, "command": command}
