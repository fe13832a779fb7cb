"""How many objects the filters include, by kind."""

from __future__ import annotations

import html
from collections.abc import Mapping

from dbxexplore.filters import Preview
from dbxexplore.text import plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import DISCOVERING

_TYPING = "<span class='dbxe-typing' role='status'>Preview of what you type. Press Enter to apply it.</span>"


class PreviewPanel(Component):
    """Counts what a preview includes and excludes, and warns where the catalog is incomplete."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._counts = widgets.HTML()
        self._warning = message_area()
        super().__init__(state)
        self.children = [self._counts, self._warning, self._message]
        self.state.observe(self._show, ["live", "draft", "discovering"])
        self._show({})

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        preview = self.state.live
        if preview is None:
            hint = "Discover a workspace to see what the filters include."
            self._counts.value = DISCOVERING if self.state.discovering else f"<span class='dbxe-muted'>{hint}</span>"
            set_text(self._warning, "")
            return
        set_text(self._warning, _incomplete_html(preview))
        typing = "" if self.state.draft is None else _TYPING
        self._counts.value = f"<div class='dbxe-result'>{_counts_html(preview)}{typing}</div>"


def _incomplete_html(preview: Preview) -> str:
    if preview.catalog.complete:
        return ""
    return f"<div class='dbxe-warn' role='status'>Incomplete: {preview.catalog.not_listed}; contents unknown.</div>"


def _counts_html(preview: Preview) -> str:
    """Return how many objects of each kind are included, in one line."""
    counts = preview.counts()
    items = "".join(
        f"<li data-kind='{html.escape(str(kind))}'><strong>{included:,}</strong> of "
        f"{plural(int(included + excluded), str(kind))}</li>"
        for kind, included, excluded in counts.itertuples()
        if included + excluded
    )
    return f"<ul class='dbxe-counts' aria-label='Included'>{items}</ul>"
