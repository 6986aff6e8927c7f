from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.ensembles.ensemble import Ensemble, EnsembleInputs, open_ensemble
from rewardsmith.strength.ensembles.kinds import KINDS, KindName
from rewardsmith.strength.options import MemberOptions, StrengthOptions


def test_every_name_has_its_record():
    assert get_args(KindName) == tuple(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_making_an_ensemble_costs_nothing_until_somebody_judges(name):
    nowhere = Path("nowhere")
    inputs = EnsembleInputs(
        pairs=pa.table({}),
        groups=np.arange(0),
        folder=nowhere,
        pairs_file=nowhere / "pairs.parquet",
        strength=StrengthOptions(ensemble=name),
        members=MemberOptions(),
        model=ModelOptions(model_name_or_path="no/such-model"),
        lora=LoraOptions(),
    )
    ensemble = open_ensemble(inputs)
    assert isinstance(ensemble, Ensemble)
    assert ensemble.truncation is None
    assert not nowhere.exists()
