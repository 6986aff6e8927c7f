"""The sampler of what is named: a policy that runs here, or one behind an endpoint."""

from __future__ import annotations

from rewardsmith.contracts.sampler import Sampler
from rewardsmith.models.options import EndpointOptions
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions


def open_sampler(
    name: str,
    revision: str | None,
    how: SamplingOptions,
    here: LocalSamplingOptions,
    endpoint: EndpointOptions,
    quiet: bool = True,
) -> Sampler:
    """Behind the endpoint where one is named, else here."""
    if endpoint.base_url is not None:
        from rewardsmith.sampling.endpoint_sampler import EndpointSampler

        return EndpointSampler(name, how, endpoint, quiet)
    from rewardsmith.sampling.local_sampler import load_local_sampler  # loads torch, which an endpoint does not need

    return load_local_sampler(name, revision, how, here, quiet)
