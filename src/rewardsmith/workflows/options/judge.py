"""The configuration of `judge`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.judging.options import ChatJudgeOptions, ScorerJudgeOptions, SpendingOptions
from rewardsmith.models.options import EndpointOptions


@dataclass(frozen=True)
class JudgeConfig:
    """Who writes better responses? A chat model, a reward model or a known gold compares those of several files.

    Files are as `sample` writes them, or rows with a prompt and a response. Win rates, also at equal lengths, ratings
    of several files, the judge's bias by position, and with --judge_truth how often it is right. Interrupted, the same
    command goes on; an answer that is paid for is never asked for again.

    Examples:
      rewardsmith judge old.jsonl new.jsonl --reward_model_path runs/train-prefs
      rewardsmith judge old.jsonl new.jsonl --base_url http://localhost:8000/v1 --judge_model Qwen/Qwen3-32B
      rewardsmith judge sft.jsonl round1.jsonl round2.jsonl --judge_truth prefs.jsonl --reward_model_path rm
      rewardsmith judge --judge_truth prefs.jsonl --base_url http://localhost:8000/v1 --judge_model m --forecast
    """

    files: str = ""
    """Files of responses to compare, separated by commas; on the command line, words without a flag."""
    judge_truth: str | None = None
    """Preference set with labels or votes: the judge is tested on its pairs."""
    opponents: Literal["all", "first"] = "all"
    """Which files meet: all of them, or every other one the first."""
    max_prompts: int | None = None
    """Compare on the first so many prompts that at least two files have answered."""
    max_responses: int | None = None
    """Compare the first so many responses to each prompt; default: as many as both files have."""
    max_truth_pairs: int | None = None
    """Test the judge on a random sample of so many pairs (drawn by --seed)."""
    prompt_key: str | None = None
    """Column of the prompt in the files, for names that no reader knows."""
    response_key: str | None = None
    """Column of the response, or of a list of responses, in the files."""
    on_bad_row: Literal["quarantine", "error"] = "quarantine"
    """Leave out unusable rows and give the reason, or stop at the first one with status 2."""
    chat: ChatJudgeOptions = field(default_factory=ChatJudgeOptions)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)
    spending: SpendingOptions = field(default_factory=SpendingOptions)
    forecast: bool = False
    """Say how many requests and tokens it takes, and stop."""
    reward_model_path: str | None = None
    """Reward model that judges: folder or Hub id; several separated by commas, or an ensemble's folder, judge
    together."""
    gold_world: Literal["none", "lexicon", "detail"] = "none"
    """World whose true reward judges (docs/methods/worlds.md)."""
    gold_world_seed: int = 0
    """Its seed."""
    scorer: ScorerJudgeOptions = field(default_factory=ScorerJudgeOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    window: int = 256
    """Pairs judged and saved at a time; an interrupted run loses at most these, and of an endpoint nothing."""
    run: RunOptions = field(default_factory=RunOptions)
