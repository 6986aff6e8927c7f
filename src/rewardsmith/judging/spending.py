"""What asking a chat model costs: forecast before it begins, counted while it goes on, and capped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.contracts.metrics.judge import ForecastNumbers
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.judging.kept_answers import Answer
from rewardsmith.judging.options import SpendingOptions
from rewardsmith.judging.question import FORMS

BYTES_PER_TOKEN = 3
"""Of UTF-8. English has about 4, so that a forecast is rather too high than too low."""
MILLION = 1_000_000
PAID = ("num_requests", "num_tokens_in", "num_tokens_out", "num_uncounted")
"""What a file of earlier spending holds."""


class Spending:
    """Requests, tokens and money. Threads may share it.

    ``file``: what was paid before stands there, counts here, and is brought up to date with every answer.
    """

    def __init__(self, options: SpendingOptions, file: Path | None = None) -> None:
        prices = (options.input_price, options.output_price)
        if any(price is not None and not price >= 0 for price in (*prices, options.max_cost)):
            raise ConfigError("`input_price`, `output_price` and `max_cost` must be numbers of at least 0.")
        if options.max_cost is not None and None in prices:
            raise ConfigError(f"`max_cost` {options.max_cost:g} needs `input_price` and `output_price`.")
        self._options, self._file, self._lock = options, file, Lock()
        self.num_requests = self.num_kept = self.num_tokens_in = self.num_tokens_out = 0
        self.num_uncounted = 0
        """Answers of which the server does not say how many tokens they took; they count as was forecast."""
        if file is not None and file.is_file():
            before = json.loads(file.read_text(encoding="utf-8"))
            for name in PAID:
                setattr(self, name, before[name])

    @property
    def cost(self) -> float | None:
        """None without prices."""
        return self._price(self.num_tokens_in, self.num_tokens_out)

    def forecast(self, texts: Iterable[str], num_kept: int, max_tokens: int) -> ForecastNumbers:
        """Of asking these; at most once in each form."""
        sizes = list(map(num_tokens, texts))
        num_in, num_out = sum(sizes), len(sizes) * max_tokens
        return {
            "num_requests": len(sizes),
            "num_requests_most": len(FORMS) * len(sizes),
            "num_kept": num_kept,
            "num_tokens_in": num_in,
            "num_tokens_out": num_out,
            "cost": self._price(num_in, num_out),
            "cost_most": self._price(len(FORMS) * num_in, len(FORMS) * num_out),
        }

    def check_forecast(self, forecast: ForecastNumbers, fewer: str) -> None:
        """``ConfigError`` where judging must not begin, since it takes more than is left if every answer can be read.

        ``fewer``: the options by which less is judged.
        """
        options, num, cost = self._options, forecast["num_requests"], forecast["cost"]
        if self.num_requests + num > options.max_requests:
            before = f", after {self.num_requests:,} that are paid" if self.num_requests else ""
            raise ConfigError(
                f"Judging takes {num:,} requests{before}; `max_requests` is {options.max_requests:,}. "
                f"Raise it, or judge less: {fewer}."
            )
        spent = self.cost or 0.0
        if cost is not None and options.max_cost is not None and spent + cost > options.max_cost:
            before = f", after {spent:.2f} that are paid" if spent else ""
            raise ConfigError(
                f"Judging may cost {cost:.2f}{before}; `max_cost` is {options.max_cost:g}. "
                f"Raise it, or judge less: {fewer}."
            )

    def check(self) -> None:
        """Before a request: ``RunError`` where no more may be asked or spent."""
        options, cost = self._options, self.cost
        spent = None
        if options.max_cost is not None and cost is not None and cost >= options.max_cost:
            spent = f"has cost {cost:.2f}, and `max_cost` is {options.max_cost:g}"
        elif self.num_requests >= options.max_requests:
            spent = f"has taken {self.num_requests:,} requests, as many as `max_requests`"
        if spent is not None:
            raise RunError(f"Judging {spent}. All answers are kept: the same command with a higher one goes on.")

    def note_paid(self, answer: Answer, asked: str, max_tokens: int) -> None:
        """An answer to a text; what the server does not count is taken to be as large as was forecast."""
        with self._lock:
            self.num_requests += 1
            num_in, num_out = answer["num_tokens_in"], answer["num_tokens_out"]
            self.num_uncounted += num_in is None or num_out is None
            self.num_tokens_in += num_tokens(asked) if num_in is None else num_in
            self.num_tokens_out += max_tokens if num_out is None else num_out
            if self._file is not None:
                write_json(self._file, {name: getattr(self, name) for name in PAID})

    def note_kept(self) -> None:
        with self._lock:
            self.num_kept += 1

    def _price(self, num_tokens_in: int, num_tokens_out: int) -> float | None:
        of_input, of_output = self._options.input_price, self._options.output_price
        if of_input is None or of_output is None:
            return None
        return (num_tokens_in * of_input + num_tokens_out * of_output) / MILLION


def num_tokens(text: str) -> int:
    """About how many, rather too many."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)
