"""``rewardsmith cache``: what the cache holds of features and converted models, and how to empty it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rewardsmith.artifacts.user_cache import cache_folder, clear_room
from rewardsmith.engine.features.feature_cache import CacheEntry, clear_cache, list_cache
from rewardsmith.models.converted_models import ConvertedModel, converted_folder, list_converted
from rewardsmith.workflows.options.cache import CacheConfig


@dataclass(frozen=True)
class CacheResult:
    """What is there now, and the bytes that clearing freed."""

    folder: str
    entries: list[CacheEntry]
    models: list[ConvertedModel]
    num_bytes_freed: int | None

    @property
    def num_bytes(self) -> int:
        return sum(entry.num_bytes for entry in self.entries) + sum(model.num_bytes for model in self.models)

    def summary(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "num_bytes": self.num_bytes,
            "num_bytes_freed": self.num_bytes_freed,
            "entries": [asdict(entry) for entry in self.entries],
            "models": [asdict(model) for model in self.models],
        }

    def print(self, console: Any) -> None:
        """The result for a reader, on a rich console: a line a model, its layers and poolings together."""
        if self.num_bytes_freed is not None:
            console.print(f"Cleared {megabytes(self.num_bytes_freed)} in {self.folder}.", soft_wrap=True, markup=False)
            return
        if not (self.entries or self.models):
            console.print(f"The cache in {self.folder} is empty.", soft_wrap=True, markup=False)
            return
        if self.entries:
            console.print(self._features())
        if self.models:
            console.print(self._models())
        clear = "Empty it with: rewardsmith cache --clear"
        console.print(f"{megabytes(self.num_bytes)} in {self.folder}. {clear}", soft_wrap=True, markup=False)

    def _features(self) -> Any:
        from rich.markup import escape

        table = _table("features of", "layer", "pooling", right=("conversations", "size"))
        for entry in sorted(self.entries, key=lambda entry: (entry.model, entry.layer, entry.pooling)):
            size = megabytes(entry.num_bytes)
            table.add_row(escape(entry.model), str(entry.layer), entry.pooling, f"{entry.num_conversations:,}", size)
        return table

    def _models(self) -> Any:
        from rich.markup import escape

        table = _table("converted model", right=("size",))
        for model in self.models:
            table.add_row(escape(model.model), megabytes(model.num_bytes))
        return table


def run_cache(config: CacheConfig) -> CacheResult:
    """Lists what is kept, or deletes it all."""
    freed = clear_cache() + clear_room(converted_folder()) if config.clear else None
    return CacheResult(str(cache_folder()), list_cache(), list_converted(), freed)


def megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"


def _table(*headings: str, right: tuple[str, ...]) -> Any:
    from rich.table import Table

    table = Table()
    for heading in headings:
        table.add_column(heading)
    for heading in right:
        table.add_column(heading, justify="right")
    return table
