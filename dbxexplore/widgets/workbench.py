"""The page on which people browse and filter: the filters, the tree and the details beside each other, on one screen.

The style sheet arranges the three by the width of the page, and ties their height to it; borders between them are
dragged with the page's script (``browse/static/workbench.js``), and stay where they are without it.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import leaves

WHY, DETAILS, SELECTION, CHANGES = "Why", "Details", "Selection", "Changes"


class DetailsPane(Component):
    """Tabs about the object that was clicked, the selection and the last edit. A tab is built when it is first shown.

    Args:
        state: what the panels show.
        panels: for each title, what returns the panel.
    """

    def __init__(self, state: ExplorerState, panels: Mapping[str, Callable[[], widgets.Widget]]) -> None:
        self._panels = panels
        self._pages = {title: widgets.VBox() for title in panels}
        self._tabs = widgets.Tab()
        super().__init__(state)
        self.children = [self._tabs, self._message]
        self.add_class("dbxe-details")
        self._lay_out()
        self._tabs.observe(self._on_tab, "selected_index")
        state.observe(self._on_read_only, "read_only")
        state.observe(self._on_selected, "selected")
        state.observe(self._show_titles, ["ticked", "changed"])
        self._on_tab({})

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the tabs that are shown; nothing is selected in a read-only Explorer."""
        return tuple(title for title in self._pages if not (self.state.read_only and title == SELECTION))

    @property
    def title(self) -> str:
        """The title of the tab in front; assign one of `titles` to show another."""
        return self.titles[self._tabs.selected_index or 0]

    @title.setter
    def title(self, title: str) -> None:
        self._tabs.selected_index = self.titles.index(title)

    def _lay_out(self) -> None:
        self._tabs.children = [self._pages[title] for title in self.titles]
        self._show_titles({})

    @shows_errors
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        self._lay_out()
        self._tabs.selected_index = 0

    @shows_errors
    def _on_tab(self, _change: Mapping[str, object]) -> None:
        page = self._pages[self.title]
        if not page.children:
            with widgets.opened_together():
                panel = self._panels[self.title]()
            page.children = [panel]
        for title, shown in self._pages.items():
            if title == DETAILS and shown.children:  # it reads from the workspace while it is in sight
                shown.children[0].active = title == self.title

    @shows_errors
    def _on_selected(self, change: Mapping[str, object]) -> None:
        """Show what was clicked, where it was not in sight."""
        if change["new"] != -1 and self.title not in {WHY, DETAILS}:
            self.title = WHY

    @shows_errors
    def _show_titles(self, _change: Mapping[str, object]) -> None:
        """Show the numbers of selected and of changed objects in the titles."""
        state = self.state
        for index, title in enumerate(self.titles):
            mask = {SELECTION: state.ticked, CHANGES: state.changed}.get(title)
            number = 0
            if mask is not None and state.catalog is not None:
                number = int(np.count_nonzero(mask.flags & leaves(state.catalog)))
            self._tabs.set_title(index, f"{title} ({number:,})" if number else title)


def workbench(
    rail: Sequence[widgets.Widget], center: Sequence[widgets.Widget], details: widgets.Widget
) -> widgets.Widget:
    """Return the filters, the tree and the details, with borders between them that can be dragged."""
    parts = [
        _pane("dbxe-rail", rail),
        _border("rail", "Width of the filters"),
        _pane("dbxe-center", center),
        _border("details", "Size of the details"),
        details,
    ]
    bench = widgets.Box(parts)
    bench.add_class("dbxe-workbench")
    frame = widgets.Box([bench])
    frame.add_class("dbxe-frame")
    return frame


def _pane(name: str, children: Sequence[widgets.Widget]) -> widgets.Widget:
    pane = widgets.VBox(children)
    pane.add_class(name)
    return pane


def _border(pane: str, label: str) -> widgets.Widget:
    """Return a border; without the page's script it is a mere line."""
    border = widgets.HTML(f"<div class='dbxe-splitter' aria-label='{html.escape(label)}'></div>")
    border.add_class(f"dbxe-border-{pane}")
    return border
