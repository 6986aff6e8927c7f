"""A world from its options, with the policy that comes with the package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.policy.worlds import world as world_module
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import draw_preferences
from rewardsmith.policy.worlds.world import World, open_world, read_exchanges, shared_out
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world_module, "NUM_USUAL", 100)
        yield open_world()


def test_the_three_sets_of_prompts_share_none_and_come_again_with_the_seed(world: World) -> None:
    parts = [world.preference_prompts, world.policy_prompts, world.test_prompts]
    texts = [{prompt[0]["content"] for prompt in part} for part in parts]
    assert [len(part) for part in parts] == [len(distinct) for distinct in texts] == [2000, 1600, 400]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    prompts = [talk[:-1] for talk in read_exchanges()]
    assert shared_out(prompts, 0) == parts != shared_out(prompts, 1)


def test_its_reward_model_is_smaller_than_its_policy_and_reads_the_same_tokens(world: World) -> None:
    policy, tokenizer = load_policy(resolve_model(world.policy))
    reward_model = new_reward_model(resolve_model(world.reward_model), tokenizer)
    assert 5 * reward_model.num_parameters() < policy.num_parameters() < 2e6
    assert reward_model.config.vocab_size == len(tokenizer) == policy.config.vocab_size


def test_preferences_of_its_own_policy_differ_in_gold(world: World) -> None:
    how, where = SamplingOptions(max_new_tokens=world.max_new_tokens), LocalSamplingOptions(device="cpu")
    sampler = load_local_sampler(world.policy, None, how, where)
    made = draw_preferences(sampler, world.gold, world.preference_prompts, 40, WorldOptions())
    gaps = [abs(row["meta"]["truth"]["gap"]) for row in made.rows]
    assert len(made.rows) == 40 and sum(gaps) / 40 > 0.1
