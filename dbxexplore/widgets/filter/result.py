"""How many objects the filters include, by kind."""

from __future__ import annotations

import html
from collections.abc import Mapping

from dbxexplore.filters import Preview
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import DISCOVERING


class PreviewPanel(Component):
    """Counts what a preview includes and excludes, and warns where the catalog is incomplete."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._counts = widgets.HTML()
        self._warning = message_area()
        super().__init__(state)
        self.children = [self._warning, self._counts, self._message]
        self.state.observe(self._show, ["live", "discovering"])
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
        self._counts.value = _counts_html(preview)


def _incomplete_html(preview: Preview) -> str:
    if preview.catalog.complete:
        return ""
    return f"<div class='dbxe-warn' role='status'>Incomplete: {preview.catalog.not_listed}; contents unknown.</div>"


def _counts_html(preview: Preview) -> str:
    rows = "".join(
        _count_row(str(kind), int(included), int(excluded))
        for kind, included, excluded in preview.counts().itertuples()
    )
    return (
        "<table class='dbxe-table'><thead><tr><th scope='col'>Kind</th><th scope='col' class='dbxe-number'>Included</th>"
        "<th scope='col' class='dbxe-number'>Excluded</th><th scope='col'>Share</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _count_row(kind: str, included: int, excluded: int) -> str:
    share = 100 * included / max(1, included + excluded)
    bar = (
        f"<div class='dbxe-bar' role='img' aria-label='{share:.0f}% included'>"
        f"<span class='in' style='width:{share:.2f}%'></span><span class='out' style='width:{100 - share:.2f}%'></span></div>"
        if included + excluded
        else ""
    )
    return (
        f"<tr><th scope='row'>{html.escape(kind)}</th><td class='dbxe-number'>{included:,}</td>"
        f"<td class='dbxe-number'>{excluded:,}</td><td>{bar}</td></tr>"
    )
