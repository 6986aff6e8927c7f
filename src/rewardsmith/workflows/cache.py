"""``rewardsmith cache``: what the feature cache holds, and how to empty it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rewardsmith.engine.features.feature_cache import CacheEntry, clear_cache, features_folder, list_cache
from rewardsmith.workflows.options.cache import CacheConfig


@dataclass(frozen=True)
class CacheResult:
    """Entries that are there now, and the bytes that clearing freed."""

    folder: str
    entries: list[CacheEntry]
    num_bytes_freed: int | None

    def summary(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "num_bytes": sum(entry.num_bytes for entry in self.entries),
            "num_bytes_freed": self.num_bytes_freed,
            "entries": [asdict(entry) for entry in self.entries],
        }

    def print(self, console: Any) -> None:
        """The result for a reader, on a rich console: a line a model, its layers and poolings together."""
        if self.num_bytes_freed is not None:
            console.print(f"Cleared {megabytes(self.num_bytes_freed)} in {self.folder}.", soft_wrap=True, markup=False)
            return
        if not self.entries:
            console.print(f"The feature cache in {self.folder} is empty.", soft_wrap=True, markup=False)
            return
        console.print(self._table())
        total = megabytes(sum(entry.num_bytes for entry in self.entries))
        clear = "Empty it with: rewardsmith cache --clear"
        console.print(f"{total} in {self.folder}. {clear}", soft_wrap=True, markup=False)

    def _table(self) -> Any:
        from rich.markup import escape
        from rich.table import Table

        table = Table()
        for heading in ("model", "layer", "pooling"):
            table.add_column(heading)
        table.add_column("conversations", justify="right")
        table.add_column("size", justify="right")
        for entry in sorted(self.entries, key=lambda entry: (entry.model, entry.layer, entry.pooling)):
            size = megabytes(entry.num_bytes)
            table.add_row(escape(entry.model), str(entry.layer), entry.pooling, f"{entry.num_conversations:,}", size)
        return table


def run_cache(config: CacheConfig) -> CacheResult:
    """Lists the entries, or deletes them all."""
    freed = clear_cache() if config.clear else None
    return CacheResult(str(features_folder()), list_cache(), freed)


def megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
