"""Fresh labels by a chat model behind an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.judge import ResponsePair
from rewardsmith.errors import RunError
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.labelling import Decision, decisions_of
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.workflows.options.iterate import IterateConfig


@contextmanager
def open_chat_judge(config: IterateConfig, paid: Path | None = None) -> Iterator[EndpointJudge]:
    """The one that options name. ``paid``: file of what the loop has paid."""
    how = config.chat, config.spending, config.endpoint, config.run.seed, config.run.quiet
    with closing(EndpointJudge(*how, paid)) as judge:
        yield judge


def ruled(judge: EndpointJudge, samples: RoundSamples, pairs: Sequence[SamplePair]) -> list[Decision | None]:
    """What the judge says of each pair, None where it does not judge; the first reason is said.

    ``ConfigError`` where it would take more requests or money than allowed; ``RunError`` where no pair was judged.
    """
    asked = [
        ResponsePair(samples.prompts[pair.prompt], own[pair.favourite], own[pair.other])
        for pair in pairs
        for own in [samples.responses[pair.prompt]]
    ]
    judge.model.spending.check_forecast(judge.forecast(asked), "`labels_per_round`, `num_rounds`")
    rulings = judge.judge(asked)
    untold = [ruling for ruling in rulings if ruling.outcome is None]
    if untold:
        words = f"{len(untold)} of {len(asked)} pairs were not judged, the first: {untold[0].reason}"
        if len(untold) == len(asked):
            raise RunError(f"{words}. Answers that were given are kept: the same command asks for the others again.")
        say(f"{words}.")
    return decisions_of(rulings)
