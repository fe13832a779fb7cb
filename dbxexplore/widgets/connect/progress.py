"""How far the discovery under way is, with a button that cancels it."""

from __future__ import annotations

import html
from collections.abc import Mapping

from dbxexplore.discovery import Progress
from dbxexplore.discovery.progress import duration
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.state import ExplorerState


class ProgressLine(Component):
    """A bar, the counts in words and a button to cancel; visible while a discovery is under way."""

    WRITES = ("cancelling",)

    def __init__(self, state: ExplorerState | None = None) -> None:
        # The total grows as containers are found, so the bar shows the share of the known calls.
        self._bar = widgets.IntProgress(
            min=0, max=1, layout={"flex": "0 1 220px", "width": "auto", "min_width": "60px"}
        )
        self._text = widgets.HTML(layout={"flex": "1 1 auto", "min_width": "0"})
        self._stop = widgets.Button(description="Cancel", tooltip="Stop and keep the results so far", layout={})
        super().__init__(state)
        row = widgets.HBox([self._bar, self._text, self._stop])
        row.add_class("dbxe-progress")
        self.children = [row, self._message]
        self.state.observe(self._show, ["discovering", "progress", "cancelling"])
        self._stop.on_click(self._on_stop)
        self._show({})

    @shows_errors
    def _on_stop(self, _button: object) -> None:
        self.state.cancelling = True

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        state = self.state
        self.layout.display = None if state.discovering else "none"
        self._stop.disabled = state.cancelling or not state.discovering
        progress: Progress | None = state.progress
        self._bar.max = max(1, progress.done + progress.pending) if progress else 1
        self._bar.value = progress.done if progress else 0
        self._text.value = _text(progress, is_cancelling=state.cancelling)


def _text(progress: Progress | None, *, is_cancelling: bool) -> str:
    if is_cancelling:
        return "<span class='dbxe-muted' role='status'>Cancelling…</span>"
    if progress is None:
        return "<span class='dbxe-muted' role='status'>Connecting…</span>"
    return f"<span class='dbxe-muted'>{html.escape(str(progress))} · {duration(progress.elapsed)} elapsed</span>"
