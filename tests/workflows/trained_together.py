"""Trainings one after the other in the processes of a launcher, most of whose time is imports: ``... OPTIONS.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import run_train

for options in json.loads(Path(sys.argv[1]).read_text()):
    run_train(build_config(TrainConfig, options))
