"""The configuration of `sample`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.models.options import EndpointOptions
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions


@dataclass(frozen=True)
class SampleConfig:
    """Draw several responses to each prompt of a set from a policy: a model here, or one behind an endpoint.

    `score` and `train --meta_dataset` read the file. Interrupted, the same command goes on where it was.

    Examples:
      rewardsmith sample prompts.jsonl --model_name_or_path embedded/smollm2-135m --num_samples 16
      rewardsmith sample prefs.jsonl --model_name_or_path runs/policy --max_prompts 500 --output_file samples.jsonl
      rewardsmith sample prompts.jsonl --model_name_or_path Qwen/Qwen3-8B --base_url http://localhost:8000/v1
      rewardsmith sample demos.jsonl --model_name_or_path runs/sft --pairs --output_file pairs.jsonl
    """

    data: PromptOptions = field(default_factory=PromptOptions)
    model_name_or_path: str = "embedded/smollm2-135m"
    """The policy: Hub id, local folder (adapters too), or embedded model; with --base_url, its name there."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    num_samples: int = 4
    """Responses to each prompt."""
    pairs: bool = False
    """Write preferences for `train`: the response of a row, its demonstration, above each one drawn (RFT, arXiv
    2405.17888)."""
    output_file: str | None = None
    """JSON Lines file to write; default: runs/sample-<name of the data set>.jsonl."""
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    local: LocalSamplingOptions = field(default_factory=LocalSamplingOptions)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)
    window: int = 64
    """Prompts answered and saved at a time; an interrupted run loses at most these."""
    seed: int = 0
    """Every response is a function of policy, prompt, this seed and its number."""
    run: FileRunOptions = field(default_factory=FileRunOptions)
