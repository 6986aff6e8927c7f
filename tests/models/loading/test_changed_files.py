from __future__ import annotations

from pathlib import Path

import pytest

from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from tiny_reward_models import save_tiny_llama


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A model in the folder of a finished run, as a member of an ensemble is."""
    source = resolve_model(str(save_tiny_llama(tmp_path / "base")))
    tokenizer = load_tokenizer(source)
    folder = RunFolder.open(tmp_path / "run", "train", {}, {})
    member = folder.path / "members" / "0"
    save_reward_model(new_reward_model(source, tokenizer), tokenizer, member, {"max_length": 64})
    folder.finish()
    return member


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_flipped_bit_in_a_model_of_ours_is_noticed(trained: Path, name: str) -> None:
    load_reward_model(str(trained))
    content = bytearray((trained / name).read_bytes())
    content[-2] ^= 1
    (trained / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} is not as the run that wrote it left it.*Restore the file"):
        load_reward_model(str(trained))
    with pytest.raises(ModelError, match=name):
        weights_fingerprint(resolve_model(str(trained)))


def test_a_change_that_is_meant_is_read_without_the_manifest(trained: Path) -> None:
    weights = trained / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    (trained.parents[1] / "manifest.json").unlink()
    load_reward_model(str(trained))
