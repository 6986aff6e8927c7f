"""What the policy of a round is worth, on prompts that nothing learned from."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import cast

from rewardsmith.artifacts.files.atomic import write_json, write_jsonl
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.contracts.metrics.iterate import MatchNumbers, PolicyNumbers
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.networks.likelihood import Likelihoods, likelihoods
from rewardsmith.policy.rounds.judged import JudgedSamples, match, policy_numbers
from rewardsmith.policy.rounds.round_samples import RoundSamples, score_samples
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.workflows.loop.answers import Floats, Row, answer, column_of, with_column
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.files import RoundFiles
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.reward_models import reward_model

GOLD, JUDGED = "gold", "judged"


def evaluate(loop: Loop, number: int) -> Spent:
    """Writes answers to the test prompts and what they say; the first policy's come first."""
    with closing(open_scorer(str(reward_model(loop, number)), loop.config.scoring)) as scorer:
        num_tokens = evaluate_start(loop, scorer)
        if not loop.files.round(number).tests.is_file():
            num_tokens += _answer_tests(loop, number, scorer)
        write_json(loop.files.round(number).evaluation, _numbers(loop, number, scorer))
    return Spent(num_tokens)


def evaluate_start(loop: Loop, scorer: Scorer) -> int:
    """The first policy by the first reward model, once; gives the tokens written."""
    if loop.files.start.evaluation.is_file():
        return 0
    num_tokens = 0 if loop.files.start.tests.is_file() else _answer_tests(loop, 0, scorer)
    write_json(loop.files.start.evaluation, _numbers(loop, 0, scorer))
    return num_tokens


def evaluated(loop: Loop, number: int) -> PolicyNumbers:
    """Of the policy after so many rounds."""
    return cast(PolicyNumbers, json.loads(_folder(loop, number).evaluation.read_text(encoding="utf-8")))


def match_of(loop: Loop, number: int, other: int) -> MatchNumbers | None:
    """The policy of a round against another, by gold or judge; None where there is neither."""
    ours, theirs, usual = (_worth(read_rows(_folder(loop, one).tests)) for one in (number, other, 0))
    if ours is None or theirs is None or usual is None:
        return None
    return match(ours, theirs, usual, loop.config.run.seed)


def _answer_tests(loop: Loop, number: int, scorer: Scorer) -> int:
    rows, num_tokens = answer(loop, loop.policy(number), loop.material.test_prompts, loop.config.run.seed + 1)
    samples = RoundSamples.of_rows(rows)
    rows = with_column(rows, "reward", score_samples(scorer, samples).rewards)
    if loop.setting.judge is not None and loop.setting.gold is None:
        rows = with_column(rows, JUDGED, score_samples(loop.setting.judge, samples).rewards)
    write_jsonl(_folder(loop, number).tests, rows)
    return num_tokens


def _numbers(loop: Loop, number: int, scorer: Scorer) -> PolicyNumbers:
    file = _folder(loop, number).tests
    rows = read_rows(file)
    samples, rewards = RoundSamples.of_rows(rows), column_of(rows, "reward")
    assert rewards is not None
    first = RoundSamples.of_rows(read_rows(loop.files.start.tests))
    judged = JudgedSamples(
        samples,
        rewards,
        column_of(rows, GOLD),
        _likelihoods(loop, loop.policy(number), samples),
        _likelihoods(loop, loop.policy(0), samples),
    )
    return policy_numbers(
        judged,
        score_samples(scorer, first).rewards,
        match_of(loop, number, 0) if number else None,
        match_of(loop, number, number - 1) if number else None,
        _within(loop, file),
    )


def _worth(rows: list[Row]) -> Floats | None:
    gold = column_of(rows, GOLD)
    return column_of(rows, JUDGED) if gold is None else gold


def _likelihoods(loop: Loop, name: str, samples: RoundSamples) -> Likelihoods:
    policy, tokenizer = load_policy(resolve_model(name))
    policy.to(loop.device)
    prompt_length = loop.config.policy.rollouts.max_prompt_length
    encoder = ConversationEncoder(tokenizer, prompt_length + loop.config.policy.sampling.max_new_tokens)
    return likelihoods(policy, encoder, samples.conversations, samples.all_ended, prompt_length)


def _folder(loop: Loop, number: int) -> RoundFiles:
    return loop.files.round(number) if number else loop.files.start


def _within(loop: Loop, file: Path) -> str:
    return file.relative_to(loop.files.path).as_posix()
