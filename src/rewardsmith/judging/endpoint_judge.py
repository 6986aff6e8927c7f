"""A chat model behind an OpenAI-compatible endpoint as a judge."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.judge import ResponsePair, Ruling
from rewardsmith.contracts.metrics.judge import ForecastNumbers
from rewardsmith.judging.asked_model import AskedModel
from rewardsmith.judging.options import ChatJudgeOptions, SpendingOptions
from rewardsmith.judging.orders import key_in_order, ruling_of, shown_orders
from rewardsmith.judging.question import ask
from rewardsmith.judging.rubric import load_rubric
from rewardsmith.judging.spending import Spending
from rewardsmith.models.options import EndpointOptions


class EndpointJudge:
    """Asks several requests at a time; every answer is kept before it is read.

    A pair that the endpoint refuses, or of which it says nothing that can be read, costs only itself.
    """

    def __init__(
        self,
        how: ChatJudgeOptions,
        cost: SpendingOptions,
        where: EndpointOptions,
        seed: int = 0,
        quiet: bool = True,
        paid: Path | None = None,
    ) -> None:
        """``paid``: file of what was paid before, to which the caps hold as well."""
        rubric = load_rubric(how.rubric)
        self.rubric = rubric if how.orders == "rubric" else replace(rubric, orders=how.orders)
        self.model = AskedModel(self.rubric, how, Spending(cost, paid), where)
        self._max_tokens, self._workers = how.max_judge_tokens, where.max_concurrent_requests
        self._seed, self._quiet = seed, quiet

    @property
    def fingerprint(self) -> str:
        """Of address, model, rubric and settings: what weights answer there cannot be seen from here."""
        return fingerprint_json([self.model.base_url, self.model.identity, self.rubric.fingerprint, self._seed])

    def forecast(self, pairs: Sequence[ResponsePair]) -> ForecastNumbers:
        """What judging these takes."""
        shown = self._shown(pairs)
        missing = [one for one in shown.values() if not self.model.knows(one)]
        texts = (ask(self.rubric, one, "schema")["messages"][0]["content"] for one in missing)
        return self.model.spending.forecast(texts, len(shown) - len(missing), self._max_tokens)

    def judge(self, pairs: Sequence[ResponsePair]) -> list[Ruling]:
        """A ruling for each pair. ``RunError`` where nobody is answered any more, or where ``max_cost`` is spent."""
        pool = ThreadPoolExecutor(self._workers)
        try:
            waiting = {key: pool.submit(self.model.opinion, one) for key, one in self._shown(pairs).items()}
            with progress("Asking the judge", len(waiting), self._quiet) as bar:
                for one in as_completed(waiting.values()):
                    one.result()
                    bar.advance()
        finally:
            pool.shutdown(cancel_futures=True)  # what is on its way is waited for, and kept
        opinions = {key: one.result() for key, one in waiting.items()}
        return [ruling_of(pair, opinions) for pair in pairs]

    def close(self) -> None:
        self.model.close()

    def _shown(self, pairs: Sequence[ResponsePair]) -> dict[str, ResponsePair]:
        """Each thing to be asked once."""
        return {key_in_order(one): one for pair in pairs for one in shown_orders(pair, self.rubric.orders, self._seed)}
