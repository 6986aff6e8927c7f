"""``rewardsmith doctor``: is anything wrong that would spoil rewards without a word?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from rewardsmith.artifacts.terminal.progress import in_words, progress, set_quiet
from rewardsmith.engine.doctor.check import Check, Mark, checked
from rewardsmith.engine.doctor.data_checks import check_rows, check_truncation
from rewardsmith.engine.doctor.environment_checks import check_environment
from rewardsmith.engine.doctor.model_checks import check_model
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import local_source, resolve_model
from rewardsmith.models.loading.positions import check_max_length, position_limit
from rewardsmith.models.loading.reward_models import ADAPTER_CONFIG, load_config, load_reward_model, load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.preferences.load import load_preferences
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.workflows.inputs.refused_rows import set_aside_refused
from rewardsmith.workflows.options.doctor import DoctorConfig

MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}
DEFAULT_MODEL = "embedded/minilm"


@dataclass(frozen=True)
class DoctorResult:
    """Checks by what they are about."""

    sections: dict[str, list[Check]]

    @property
    def num_failed(self) -> int:
        """Checks that failed; warnings do not count."""
        return self.num_marked("fail")

    @property
    def exit_status(self) -> int:
        return 1 if self.num_failed else 0

    def num_marked(self, mark: Mark) -> int:
        return sum(check.mark == mark for checks in self.sections.values() for check in checks)

    def summary(self) -> dict[str, Any]:
        checks = {title: [asdict(check) for check in found] for title, found in self.sections.items()}
        return {"num_failed": self.num_failed, "checks": checks}

    def print(self, console: Any) -> None:
        for title, checks in self.sections.items():
            console.print(f"[bold]{escape(title)}[/]", highlight=False)
            for check in checks:
                console.print(f"  {MARKS[check.mark]} {escape(check.name)}: {escape(check.sentence)}", highlight=False)
        num = self.num_failed
        warned = self.num_marked("warn")
        notes = f" {warned} worth a look." if warned else ""
        console.print(("Nothing is wrong." if not num else f"{num} failed.") + notes, highlight=False)


def run_doctor(config: DoctorConfig, dataset: Any = None) -> DoctorResult:
    """Checks the environment, and the model and the set where they are named."""
    set_quiet(config.run.quiet)
    use_all_cores()
    has_data = dataset is not None or bool(config.data.dataset_name)
    sections = {"Environment": check_environment()}
    if config.model_name_or_path:
        name = config.model_name_or_path
        sections[f"Model {name}"] = checked("load", lambda: _check_model(name, config.max_length))
    if has_data:
        title = "Data " + (config.data.dataset_name or "in memory")
        sections[title] = checked("read", lambda: _check_data(config, dataset))
    return DoctorResult(
        {
            title: [replace(check, sentence=in_words(check.sentence)) for check in checks]
            for title, checks in sections.items()
        }
    )


def _check_model(name: str, max_length: int) -> list[Check]:
    source = resolve_model(name)
    if _is_reward_model(name):
        model, tokenizer, _ = load_reward_model(name)
        kind = Check("kind", "ok", "A reward model: its own head is checked.")
    else:
        tokenizer = load_tokenizer(source)
        model = new_reward_model(source, tokenizer, seed=0)
        kind = Check("kind", "ok", "A backbone: checked with a new reward head, as train would give it.")
    limit = position_limit(model.config)
    with progress("Checking the model", None):
        return [kind, *check_model(model, tokenizer, min(max_length, limit or max_length))]


def _is_reward_model(name: str) -> bool:
    source = local_source(resolve_model(name))
    if (Path(source.path_or_id) / ADAPTER_CONFIG).is_file():
        return True
    config = load_config(source)
    classes = getattr(config, "architectures", None) or []
    return config.num_labels == 1 and any(name.endswith("ForSequenceClassification") for name in classes)


def _check_data(config: DoctorConfig, dataset: Any) -> list[Check]:
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, config.run.seed)
    name = config.model_name_or_path or DEFAULT_MODEL
    try:
        tokenizer = load_tokenizer(resolve_model(name))
    except ModelError as error:
        unknown = Check("truncation", "warn", f"Not checked, for want of a tokenizer: {error}")
        return [*check_rows(given), unknown]
    encoder = ConversationEncoder(tokenizer, config.max_length)
    given = set_aside_refused(given, encoder.refusals, config.data)
    check_max_length(load_config(resolve_model(name)), config.max_length, name)
    return check_rows(given) + check_truncation(given.table, encoder, name)
