"""The next token is a draw from the policy's softmax, by noise that belongs to one response and one place in it."""

from __future__ import annotations

import math

import pytest
import torch

from rewardsmith.errors import ConfigError
from rewardsmith.sampling import token_choice
from rewardsmith.sampling.options import SamplingOptions
from rewardsmith.sampling.settings import NAMED, SamplingSettings
from rewardsmith.sampling.token_choice import TokenChoice, gumbel

SCORES = torch.tensor([2.0, 1.0, 0.0, -1.0, -math.inf])
MANY = 20_000


def frequencies(settings: SamplingSettings, context: list[int] | None = None) -> torch.Tensor:
    """How often each token is drawn, over many responses."""
    contexts = torch.tensor(context or [0]).expand(MANY, -1)
    chosen = TokenChoice(settings)(contexts, SCORES.expand(MANY, -1).clone(), torch.arange(MANY), 3)
    return torch.bincount(chosen, minlength=len(SCORES)) / MANY


def assert_drawn_from(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Each frequency within four standard errors; what has no probability never comes."""
    assert (found[expected == 0] == 0).all()
    assert ((found - expected).abs() <= 4 * (expected * (1 - expected) / MANY).sqrt()).all()


def test_gumbel_numbers_have_the_moments_of_their_distribution() -> None:
    noise = gumbel(torch.arange(2000), 0, 501).double()
    assert noise.mean().item() == pytest.approx(0.57722, abs=0.01)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, rel=0.01)
    assert torch.isfinite(noise).all()


def test_the_largest_uniform_number_is_no_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_choice, "mixed", lambda counters: torch.full_like(counters, -1))
    assert torch.isfinite(gumbel(torch.arange(2), 0, 6)).all()


def test_noise_belongs_to_one_response_and_one_place() -> None:
    both = gumbel(torch.tensor([5, -7]), 4, 11)
    assert torch.equal(gumbel(torch.tensor([-7]), 4, 11), both[1:])
    assert torch.equal(gumbel(torch.tensor([5]), 4, 10), both[:1, :10])
    rows = torch.cat([gumbel(torch.arange(3), place, 4001) for place in range(3)])
    correlations = torch.corrcoef(rows) - torch.eye(9)
    assert correlations.abs().max() < 5 / math.sqrt(4001)


def test_tokens_are_drawn_from_the_softmax() -> None:
    assert_drawn_from(frequencies(SamplingSettings()), SCORES.softmax(0))


def test_temperature_divides_the_scores() -> None:
    assert_drawn_from(frequencies(SamplingSettings(temperature=0.5)), (SCORES / 0.5).softmax(0))


def test_top_p_keeps_the_fewest_tokens_that_have_this_probability() -> None:
    kept = torch.where(torch.arange(5) < 2, SCORES, -math.inf)  # .64 and .24 of the whole
    assert_drawn_from(frequencies(SamplingSettings(top_p=0.7)), kept.softmax(0))


def test_the_repetition_penalty_falls_on_what_the_context_holds() -> None:
    expected = torch.tensor([2.0 / 1.5, 1.0, 0.0, -1.0 * 1.5, -math.inf])
    assert_drawn_from(frequencies(SamplingSettings(repetition_penalty=1.5), context=[0, 3, 0]), expected.softmax(0))


def test_temperature_zero_takes_the_likeliest_token() -> None:
    assert frequencies(SamplingSettings(temperature=0))[0] == 1


def test_only_the_unchanged_distribution_is_on_policy() -> None:
    assert SamplingOptions().settings().on_policy
    assert not SamplingOptions(sampling="paper").settings().on_policy
    assert SamplingOptions(sampling="paper").settings() == SamplingSettings(0.8, 0.9, 1.1) == NAMED["paper"]
    assert SamplingOptions(sampling="paper", top_p=1.0).settings() == SamplingSettings(0.8, 1.0, 1.1)
    for name in ("temperature", "top_p"):
        assert not SamplingOptions(**{name: 0.9}).settings().on_policy


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -0.1), ("top_p", 0.0), ("top_p", 1.1), ("repetition_penalty", 0.0), ("max_new_tokens", 0)],
)
def test_settings_that_mean_nothing_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` {value}"):
        SamplingOptions(**{name: value}).settings()
