"""``rewardsmith doctor``."""

from __future__ import annotations

from dataclasses import replace

from rewardsmith.cli.flag_names import with_flags
from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import DoctorConfig

CONFIG = DoctorConfig
HELP = """Check the environment, a model and a preference set for faults that silently spoil reward models.

Exit status 1 if a check fails. Without options it looks at the environment only.

Examples:
  rewardsmith doctor
  rewardsmith doctor --model_name_or_path embedded/smollm2-135m
  rewardsmith doctor prefs.jsonl --model_name_or_path Qwen/Qwen3-0.6B --max_length 1024"""


def run(config: DoctorConfig) -> int:
    from rewardsmith.workflows.doctor import run_doctor

    result = run_doctor(config)
    sections = {
        title: [replace(check, sentence=with_flags(check.sentence, CONFIG)) for check in checks]
        for title, checks in result.sections.items()
    }
    result = replace(result, sections=sections)
    show_result(result, config)
    return 1 if result.num_failed else 0
