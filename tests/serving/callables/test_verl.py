"""verl asks for rewards, as release 0.9.1 does, and 0.6.1 where its reward manager is `batch`.

`verl/trainer/ppo/reward.py` (`get_custom_reward_fn`) loads the file and function that ``custom_reward_function`` names.
`verl/experimental/reward_loop/reward_manager/naive.py` calls it in a thread for each response, by keyword; the agent
loop's messages of the prompt are in ``extra_info`` then, as ``raw_prompt``. With the managers `dapo`, `gdpo` and
`rate_limited`, and in 0.6.1, nobody puts them there; there, `verl/workers/reward_manager/batch.py` gives lists of all.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from answered_prompts import ANSWERED, user

from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer

Scored = Callable[..., list[float]]
FILE = """
import rewardsmith

compute_score = rewardsmith.reward_function({model!r}, form="verl", device="cpu")
"""


@pytest.fixture(scope="module")
def file(reward_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user writes."""
    path = tmp_path_factory.mktemp("user") / "my_reward.py"
    path.write_text(FILE.format(model=str(reward_model)))
    return path


def loaded(file: Path) -> Any:
    """As verl loads it (`load_extern_object` of `verl/utils/import_utils.py`)."""
    spec = importlib.util.spec_from_file_location(f"custom_module_{hash(str(file))}", str(file))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.compute_score


def of_row(messages: Any, response: str, name: str = "raw_prompt") -> dict[str, Any]:
    """The call of the naive reward manager."""
    info = {"index": 3, name: messages, "num_turns": 2, "rollout_reward_scores": {}}
    return {"data_source": "chat", "solution_str": response, "ground_truth": "", "extra_info": info}


def test_a_response_has_the_reward_of_score_to_the_bit(file: Path, reward_model: Path, scored: Scored) -> None:
    compute_score = loaded(file)
    for answered in ANSWERED:
        (expected,) = scored(reward_model, [answered])
        assert compute_score(**of_row(*answered)) == {"score": expected}
        assert compute_score(**of_row(*answered, "prompt"), reward_router_address="127.0.0.1:1") == {"score": expected}


def test_a_batch_has_the_rewards_of_score_to_the_bit(file: Path, reward_model: Path, scored: Scored) -> None:
    found = loaded(file)(
        data_sources=np.array(["chat"] * len(ANSWERED), dtype=object),
        solution_strs=[response for _, response in ANSWERED],
        ground_truths=[None] * len(ANSWERED),
        extra_infos=np.array([{"prompt": np.array(messages)} for messages, _ in ANSWERED], dtype=object),
    )
    assert found == [{"score": reward} for reward in scored(reward_model, ANSWERED)]


def test_what_cannot_be_known_is_not_guessed(file: Path) -> None:
    compute_score = loaded(file)
    with pytest.raises(DataError, match="row 0 .*: `extra_info` holds no prompt, and verl gives it nowhere else"):
        compute_score(data_source="chat", solution_str="Hi!", ground_truth="", extra_info=None)
    called = of_row(user("Say hi."), "I call.[tool said so]Hi!")
    called["extra_info"]["num_turns"] = 4
    with pytest.raises(DataError, match="row 0 .*: verl hands over 4 turns as one text"):
        compute_score(**called)


def test_members_are_in_the_log_beside_the_score(ensemble: Path, tmp_path: Path) -> None:
    path = tmp_path / "my_reward.py"
    path.write_text(FILE.format(model=str(ensemble)))
    found = loaded(path)(**of_row(*ANSWERED[0]))
    assert list(found) == ["score", "members_std"] and all(isinstance(value, float) for value in found.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of verl and what it imports
@pytest.mark.parametrize("manager", ["naive", "dapo"])
def test_a_reward_manager_of_verl_gets_the_rewards_of_score(
    manager: str, file: Path, reward_model: Path, policy: Path, scored: Scored
) -> None:
    """verl's own loader and managers, on what its agent loop hands to them."""
    theirs = pytest.importorskip("verl.trainer.ppo.reward", reason="needs pip install verl")
    from omegaconf import OmegaConf
    from tensordict import TensorDict
    from verl import DataProto

    settings = {
        "reward": {
            "custom_reward_function": {"path": str(file), "name": "compute_score"},
            "reward_manager": {"source": "register", "name": manager},
            "reward_kwargs": {"overlong_buffer_cfg": None},
        }
    }
    tokenizer = load_tokenizer(resolve_model(str(policy)))

    async def drawn() -> list[float]:
        runner = theirs.load_reward_manager(OmegaConf.create(settings), tokenizer)
        calls = []
        for messages, response in ANSWERED:
            ids = tokenizer(text=f"{response}</s>", add_special_tokens=False, return_tensors="pt")["input_ids"]
            mask = torch.ones(1, 2 * ids.shape[1], dtype=torch.int64)
            batch = TensorDict(
                {"prompts": torch.ones_like(ids), "responses": ids, "attention_mask": mask}, batch_size=1
            )
            rows = {
                "data_source": "chat",
                "reward_model": {"ground_truth": ""},
                "extra_info": {"index": 0} if manager == "naive" else {"prompt": messages},
                "__num_turns__": 2,
                "tool_extra_fields": {"raw_prompt": messages},
            }
            of_one = {name: np.array([value], dtype=object) for name, value in rows.items()}
            calls.append(runner.run_single(DataProto(batch=batch, non_tensor_batch=of_one)))
        return [one["reward_score"] for one in await asyncio.gather(*calls)]

    assert asyncio.run(drawn()) == pytest.approx(scored(reward_model, ANSWERED), abs=1e-5)  # other batches: rounding
