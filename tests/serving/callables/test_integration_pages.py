"""What the pages of `docs/integrations` tell people to write gives the rewards of ``score``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from answered_prompts import user

Scored = Callable[..., list[float]]
ASKED, PROMPT = user("Say hi."), "<s><|user|>Say hi.</s><|assistant|>"


@pytest.fixture
def told(
    repository: Path, reward_model: Path, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    """Runs the Python of a page, with tiny models in the place of those it names; gives what it defines."""
    monkeypatch.chdir(tmp_path)

    def run(page: str) -> dict[str, Any]:
        text = (repository / "docs" / "integrations" / page).read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        names: dict[str, Any] = {}
        mine = code.replace("runs/rm", str(reward_model)).replace("Qwen/Qwen3-0.6B", str(policy))
        exec(mine, names)  # noqa: S102 - our own page
        return names

    return run


@pytest.fixture
def expected(reward_model: Path, scored: Scored) -> list[float]:
    return scored(reward_model, [(ASKED, "Hi!")])


def test_the_first_page(told: Callable[[str], dict[str, Any]], expected: list[float]) -> None:
    assert told("README.md")["reward"]([ASKED], ["Hi!"]) == expected


def test_the_page_of_openrlhf(told: Callable[[str], dict[str, Any]], expected: list[float]) -> None:
    assert told("openrlhf.md")["reward_func"]([f"{PROMPT}Hi!</s>"], [PROMPT], [ASKED])["rewards"].tolist() == expected


def test_the_page_of_verl(told: Callable[[str], dict[str, Any]], expected: list[float]) -> None:
    found = told("verl.md")["compute_score"]("chat", "Hi!", "", {"raw_prompt": ASKED})
    assert found == {"score": expected[0]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # of TRL
def test_the_page_of_trl(told: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    trl = pytest.importorskip("trl", reason="needs pip install 'rewardsmith[rl]'")
    small = {"use_cpu": True, "bf16": False, "max_steps": 1, "max_completion_length": 4, "logging_steps": 1}
    monkeypatch.setattr(
        trl, "GRPOConfig", partial(trl.GRPOConfig, **small, report_to="none", dataloader_pin_memory=False)
    )
    rows = [{"prompt": user(f"Say {number}.")} for number in range(8)]
    Path("prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "rewards/00/mean" in told("trl.md")["trainer"].state.log_history[0]
