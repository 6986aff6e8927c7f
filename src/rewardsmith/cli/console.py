"""The console of every command: control characters that come from data are shown as escapes."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from rewardsmith.artifacts.terminal.plain_text import escaped


def escaping_console() -> Console:
    """A console on stdout. Its own colours stay; whatever is printed on it is shown as text."""
    console = Console()
    console.push_render_hook(_Escaping())
    return console


class _Escaping(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Escaped(renderable) for renderable in renderables]


class _Escaped:
    """What another renderable shows, its text escaped."""

    def __init__(self, shown: ConsoleRenderable) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments: Iterable[Segment] = console.render(self._shown, options)
        for segment in segments:
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)
