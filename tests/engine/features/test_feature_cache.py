from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from rewardsmith.artifacts.files.atomic import atomic_path
from rewardsmith.artifacts.files.partial import partial_path
from rewardsmith.engine.features.feature_cache import (
    CacheKey,
    FeatureCache,
    Vectors,
    clear_cache,
    conversation_digest,
    list_cache,
    rows_of,
)
from rewardsmith.workflows.cache import run_cache
from rewardsmith.workflows.options.cache import CacheConfig

KEY = CacheKey("embedded/minilm", "sha256:w", "sha256:t", 3, "mean", "float32")


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))


def digests(*names: str) -> list[bytes]:
    return [conversation_digest([{"role": "user", "content": name}]) for name in names]


def vectors(*names: str) -> Vectors:
    rows = np.frombuffer(b"".join(digests(*names)), dtype=np.uint8).reshape(-1, 32)
    values = np.array([[ord(name), 0.5] for name in names], dtype=np.float16)
    counts = np.arange(len(names), dtype=np.int32)
    return Vectors(rows, values, counts, counts + 10)


def test_what_is_appended_is_found_again() -> None:
    cache = FeatureCache(KEY)
    assert cache.read() is None
    cache.append(vectors("a", "b"))
    cache.append(vectors("c"))
    found = FeatureCache(KEY).read()
    assert found is not None
    rows = rows_of(found, digests("c", "nothing", "a"))
    assert rows[1] == -1
    assert found.values[rows[[0, 2]], 0].tolist() == [99.0, 97.0]
    assert found.num_tokens[rows[0]] == 10


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_shard_is_dropped_with_a_notice_and_the_rest_stays(
    damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = FeatureCache(KEY)
    cache.append(vectors("a"))
    [shard] = cache.folder.glob("*.safetensors")
    cache.append(vectors("b"))
    content = shard.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    shard.write_bytes({"cut": content[:-5], "flip": flipped, "foreign": b"hello"}[damage])
    found = cache.read()
    assert found is not None and len(found.values) == 1
    assert "dropped and computed again" in capsys.readouterr().err
    assert not shard.exists()


def test_each_part_of_the_key_but_the_name_has_its_own_folder() -> None:
    others = [
        replace(KEY, weights="x"),
        replace(KEY, tokens="x"),
        replace(KEY, layer=4),
        replace(KEY, pooling="last"),
        replace(KEY, dtype="bfloat16"),
    ]
    assert len({key.digest for key in [KEY, *others]}) == 6
    assert replace(KEY, model="the same by another name").digest == KEY.digest


def test_digests_follow_roles_contents_and_their_boundaries() -> None:
    user = {"role": "user", "content": "a"}
    assistant = {"role": "assistant", "content": "a"}
    several = [[user], [assistant], [user, assistant], [user, user], [{"role": "user", "content": "a\u0301"}]]
    several += [[{**user, "extra": extra}] for extra in ('{"reasoning":"x"}', '{"reasoning":"y"}')]
    assert len({conversation_digest(turns) for turns in several}) == 7  # type: ignore[arg-type]


def test_the_cache_is_listed_cleared_and_private(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_cache() == []
    FeatureCache(KEY).append(vectors("a", "b"))
    FeatureCache(replace(KEY, layer=5)).append(vectors("c"))
    assert {(e.model, e.layer, e.num_conversations) for e in list_cache()} == {
        ("embedded/minilm", 3, 2),
        ("embedded/minilm", 5, 1),
    }
    listed = run_cache(CacheConfig())
    listed.print(Console(width=100))
    assert "embedded/minilm" in capsys.readouterr().out
    assert listed.summary()["num_bytes"] == sum(entry.num_bytes for entry in list_cache()) > 0
    folder = FeatureCache(KEY).folder
    notes = folder.with_name("notes")
    notes.mkdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cleared = run_cache(CacheConfig(clear=True))
    assert cleared.num_bytes_freed == listed.summary()["num_bytes"]
    assert list_cache() == [] and not folder.exists() and notes.exists()  # of somebody else
    assert clear_cache() == 0


def test_what_another_process_is_writing_is_neither_read_nor_removed() -> None:
    cache = FeatureCache(KEY)
    cache.append(vectors("a"))
    with atomic_path(cache.folder / f"{'0' * 64}.safetensors") as path:
        path.write_bytes(b"half")
        found = FeatureCache(KEY).read()
        assert found is not None and len(found.values) == 1
        clear_cache()
        assert path.exists() and FeatureCache(KEY).read() is None
        assert [entry.num_conversations for entry in list_cache()] == [0]


def test_what_a_killed_process_left_goes_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    cache = FeatureCache(KEY)
    cache.append(vectors("a"))
    left = partial_path(cache.folder / f"{'0' * 64}.safetensors")
    left.write_bytes(b"half")
    assert cache.read() is not None and not left.exists()
    assert capsys.readouterr().err == ""


def test_a_shard_that_vanished_is_absent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cache = FeatureCache(KEY)
    cache.append(vectors("a"))
    cache.append(vectors("b"))
    read = Path.read_bytes

    def removed_first(path: Path) -> bytes:
        if not removed:
            path.unlink()
            removed.append(path)
        return read(path)

    removed: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", removed_first)
    found = cache.read()
    assert found is not None and len(found.values) == 1 and capsys.readouterr().err == ""


def test_four_processes_that_fill_read_and_empty_one_cache_do_not_disturb_each_other(tmp_path: Path) -> None:
    script = """
import sys
import numpy as np
from rewardsmith.engine.features.feature_cache import CacheKey, FeatureCache, Vectors, clear_cache, list_cache

me, cache = int(sys.argv[1]), FeatureCache(CacheKey("m", "w", "t", 3, "mean", "float32"))
for number in range(60):
    counts = np.array([me], dtype=np.int32)
    digests = np.full((1, 32), 60 * me + number, dtype=np.uint8)
    cache.append(Vectors(digests, np.full((1, 64), me, dtype=np.float16), counts, counts))
    found = cache.read()
    assert found is None or (found.values[:, 0] == found.num_cut).all()
    list_cache()
    if me == 3 and number % 10 == 9:
        clear_cache()
"""
    command = [sys.executable, "-c", script]
    started = [
        subprocess.Popen([*command, str(me)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for me in range(4)
    ]
    said = [process.communicate()[1] for process in started]
    assert said == [""] * 4, "\n".join(said)
    assert all(process.returncode == 0 for process in started)
    left = list(FeatureCache(KEY).folder.parent.rglob(".partial-*"))
    assert left == []
