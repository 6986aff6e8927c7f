"""OpenRLHF asks for rewards, as `openrlhf/utils/agent.py` of release 0.11.2 does (`SingleTurnAgentExecutor`).

It loads the file that ``--reward.remote_url`` names, takes ``reward_func`` of it, and calls that in a thread with lists
of one: ``query``, all tokens of prompt and response decoded with special tokens; ``prompt``, as
`openrlhf/datasets/prompts_dataset.py` wrote it; and ``label``, the row's value of ``--data.label_key``.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from answered_prompts import ANSWERED, user

import rewardsmith
from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from tiny_architectures import gpt2_tokenizer
from tiny_reward_models import save_tiny_llama
from tiny_writers import save_tiny_writer

Scored = Callable[..., list[float]]
FILE = """
import rewardsmith

reward_func = rewardsmith.reward_function({model!r}, form="openrlhf", policy_name_or_path={policy!r}, device="cpu")
"""


@pytest.fixture(scope="module")
def file(ensemble: Path, policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user writes."""
    path = tmp_path_factory.mktemp("user") / "my_reward.py"
    path.write_text(FILE.format(model=str(ensemble), policy=str(policy)))
    return path


@pytest.fixture(scope="module")
def tokenizer(policy: Path) -> Any:
    return load_tokenizer(resolve_model(str(policy)))


def loaded(file: Path) -> Any:
    """As OpenRLHF loads it: the module is never in ``sys.modules``."""
    spec = importlib.util.spec_from_file_location("reward_func", str(file))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reward_func


def seen(tokenizer: Any, messages: Any, response: str, ending: str = "</s>") -> tuple[str, str]:
    """Query and prompt of a response that ended with ``ending``."""
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    asked, said = tokenizer([prompt, response + ending], add_special_tokens=False)["input_ids"]
    return tokenizer.decode([*asked, *said], skip_special_tokens=False), prompt


def test_rewards_are_those_of_score_to_the_bit(file: Path, tokenizer: Any, ensemble: Path, scored: Scored) -> None:
    queries, prompts = zip(*[seen(tokenizer, *one) for one in ANSWERED], strict=True)
    found = loaded(file)(list(queries), list(prompts), [messages for messages, _ in ANSWERED])
    assert found["rewards"].tolist() == scored(ensemble, ANSWERED)
    assert found["rewards"].dtype == torch.float32 and found["rewards"].shape == (5,)
    assert found["scores"] is found["rewards"]
    assert found["extra_logs"]["members_std"].shape == (5,)


@pytest.mark.parametrize("ending", ["", "</s>", "<|end|></s>", "</s><pad><pad>"])
def test_special_tokens_at_the_end_are_no_part_of_a_response(
    ending: str, file: Path, tokenizer: Any, ensemble: Path, scored: Scored
) -> None:
    query, prompt = seen(tokenizer, user("Say hi."), "Hi! <b>", ending)
    found = loaded(file)([query], [prompt], [user("Say hi.")])
    assert found["rewards"].tolist() == scored(ensemble, [(user("Say hi."), "Hi! <b>")])


def test_a_prompt_without_a_template_is_a_turn_of_the_user(ensemble: Path, scored: Scored, tmp_path: Path) -> None:
    policy = save_tiny_writer(tmp_path / "policy", "gpt2", gpt2_tokenizer())
    reward = rewardsmith.reward_function(ensemble, form="openrlhf", policy_name_or_path=policy, device="cpu")
    found = reward(["Once upon a time<|endoftext|>"], ["Once upon"], [""])
    assert found["rewards"].tolist() == scored(ensemble, [("Once upon", " a time")])


def test_a_prompt_is_found_as_the_tokenizer_spells_it(ensemble: Path, scored: Scored, tmp_path: Path) -> None:
    policy = save_tiny_llama(tmp_path / "policy")  # its tokenizer forgets spaces
    reward = rewardsmith.reward_function(ensemble, form="openrlhf", policy_name_or_path=policy, device="cpu")
    found = reward(["goodcatbaddog</s>"], ["good cat"], [""])
    assert found["rewards"].tolist() == scored(ensemble, [("good cat", "baddog")])


def test_what_cannot_be_known_is_not_guessed(file: Path, tokenizer: Any) -> None:
    reward = loaded(file)
    query, prompt = seen(tokenizer, user("Say hi."), "Hi!")
    with pytest.raises(DataError, match="row 1 .*: a chat template wrote its prompt .it holds <.*label_key"):
        reward([query] * 2, [prompt] * 2, [user("Say hi."), "42"])
    with pytest.raises(DataError, match="row 0 .*: its query does not begin with its prompt. Either OpenRLHF cut"):
        reward([query[5:]], [prompt], [user("Say hi.")])
    with pytest.raises(DataError, match="row 0 .*: its label is to be a prompt, and ends with a turn of the assistant"):
        reward([query], [prompt], [[*user("Say hi."), {"role": "assistant", "content": "Hello."}]])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of OpenRLHF and what it imports
def test_the_executor_of_openrlhf_gets_the_rewards_of_score(
    file: Path, tokenizer: Any, ensemble: Path, scored: Scored
) -> None:
    """OpenRLHF's own code from a row to a reward, with a stand-in for vLLM; some responses are cut by their length."""
    agent = pytest.importorskip("openrlhf.utils.agent", reason="needs pip install --no-deps openrlhf, and aiohttp")

    class Engine:
        def __init__(self, text: str) -> None:
            self.text = text

        async def generate(self, prompt_ids: list[int], params: Any, multi_modal_data: Any = None) -> Any:
            await asyncio.sleep(0)
            ids = tokenizer(text=self.text, add_special_tokens=False)["input_ids"]
            output = SimpleNamespace(token_ids=ids, finish_reason="stop", logprobs=None)
            return SimpleNamespace(outputs=[output])

    from openrlhf.datasets.prompts_dataset import preprocess_data

    executor = agent.SingleTurnAgentExecutor([str(file)])
    params = SimpleNamespace(max_tokens=40, logprobs=None)

    async def drawn() -> list[dict[str, Any]]:
        calls = []
        for number, (messages, response) in enumerate(ANSWERED):
            row, template = {"messages": messages}, tokenizer.apply_chat_template
            prompt, label = preprocess_data(row, None, "messages", "messages", template)
            engine = Engine(response + "</s>" * (number % 2))
            calls.append(executor.execute(prompt, label, params, 512, tokenizer, engine))
        return await asyncio.gather(*calls)

    found = asyncio.run(drawn())
    # as `_process_response_into_experience` of its samples_generator.py does
    rewards = torch.cat([torch.tensor([one["reward"]]) for one in found])
    logs = [torch.tensor([one["extra_logs"]["members_std"].flatten()[0].item()]) for one in found]
    assert rewards.shape == (5,) and all(value > 0 for value in logs)
    assert rewards.tolist() == pytest.approx(scored(ensemble, ANSWERED), abs=1e-5)  # other batches: rounding
