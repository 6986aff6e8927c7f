"""Checks of the machine: what is there, what is missing, and what to type."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata

import torch

from rewardsmith.artifacts.files.user_cache import cache_folder, folder_size
from rewardsmith.engine.doctor.check import Check, verdict
from rewardsmith.engine.hardware.devices import choose_device, device_name
from rewardsmith.engine.hardware.memory import total_memory
from rewardsmith.errors import ModelError, OutputError
from rewardsmith.models.loading.embedded import EMBEDDED_MODELS, resolve_model

PACKAGES = ("torch", "transformers", "accelerate", "peft", "datasets", "pyarrow", "safetensors")
SUPPORTED_PYTHONS = ((3, 11), (3, 13))
LITTLE_DISK_GIB = 2


def check_environment() -> list[Check]:
    """Python, packages, device, memory, disk, cache, embedded models, access to the Hub."""
    return [
        _python(),
        _packages(),
        _device(),
        _memory(),
        _cache_and_disk(),
        *(_embedded(name) for name in EMBEDDED_MODELS),
        _hub(),
    ]


def _python() -> Check:
    lowest, highest = SUPPORTED_PYTHONS
    version = ".".join(map(str, sys.version_info[:3]))
    return verdict(
        "Python",
        lowest <= sys.version_info[:2] <= highest,
        f"Python {version}.",
        f"Python {version} is not supported: use {lowest[0]}.{lowest[1]} to {highest[0]}.{highest[1]}.",
        otherwise="warn",
    )


def _packages() -> Check:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    return verdict("packages", not missing, f"{', '.join(versions)}.", f"Missing: type pip install {' '.join(missing)}")


def _device() -> Check:
    device = choose_device("auto")
    threads = f"{torch.get_num_threads()} threads"
    if device == "cpu":
        return Check("device", "ok", f"No accelerator: everything runs on the CPU with {threads}.")
    return Check("device", "ok", f"{device_name(device)}; CPU with {threads}.")


def _memory() -> Check:
    total = total_memory() / 2**30
    return verdict(
        "memory",
        total >= 4,
        f"{total:.0f} GiB of memory.",
        f"{total:.1f} GiB of memory is little: use embedded/minilm and `max_length` 256.",
        otherwise="warn",
    )


def _cache_and_disk() -> Check:
    try:
        folder = cache_folder()
    except OutputError as error:
        return Check("cache", "fail", str(error))
    if not os.access(folder, os.W_OK):
        return Check("cache", "fail", f"{folder} may not be written. Set REWARDSMITH_CACHE to a folder of yours.")
    free = shutil.disk_usage(folder).free / 2**30
    used = folder_size(folder) / 2**20
    return verdict(
        "cache",
        free >= LITTLE_DISK_GIB,
        f"{folder}: {used:.0f} MiB used, {free:.0f} GiB free.",
        f"{folder}: only {free:.1f} GiB free. Clear it with rewardsmith cache --clear, or set REWARDSMITH_CACHE.",
        otherwise="warn",
    )


def _embedded(name: str) -> Check:
    try:
        resolve_model(name)
    except ModelError as error:
        return Check(name, "warn", str(error))
    return Check(name, "ok", "Installed.")


def _hub() -> Check:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    text = "HF_HUB_OFFLINE is set: only local and embedded models." if offline else "Hub models are fetched when named."
    return Check("Hub", "ok", text)
