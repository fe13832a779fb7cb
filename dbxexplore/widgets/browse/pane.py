"""Pane of the Explorer that shows the catalog: the tree, or the core-widget browser where the tree does not load."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

import traitlets

from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.browse.browser import CatalogBrowser
from dbxexplore.widgets.state import ExplorerState

try:
    from dbxexplore.widgets.browse.tree import CatalogTree
except ImportError as error:  # anywidget is missing or does not fit
    logging.getLogger(__name__).warning("The catalog tree cannot be loaded: %s", error)
    CatalogTree = None  # type: ignore[assignment,misc]  # the browser takes its place

_PATIENCE = 8  # seconds of an idle kernel without a report from a page
_TICK = 1.0
_NOTICE = (
    "<div class='dbxe-muted' role='status'>The catalog tree is unavailable here (its JavaScript did not load); "
    "showing a simpler browser without selection.</div>"
)


class CatalogPane(Component):
    """Shows a catalog as a tree, and falls back to a simpler browser where the tree does not load."""

    WRITES = ("selected", "ticked", "ticked_text", "page_width")

    has_tree = traitlets.Bool(default_value=False)
    """Whether the tree is shown, not the simpler browser."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._notice = message_area()
        self._is_waiting = False
        self.browser: CatalogBrowser | None = None
        super().__init__(state)
        self.tree = None if CatalogTree is None else CatalogTree(self.state)
        if self.tree is None:
            self.use_browser()
            return
        self.children = [self._notice, self.tree, self._message]
        self.has_tree = True
        self.tree.observe(self._on_loaded, "loaded")

    def reveal(self, *names: str) -> None:
        """Show a catalog, or a schema by the names of both."""
        if self.browser is not None and self.browser in self.children:
            self.browser.path = names
        elif self.tree is not None:
            self.tree.reveal(*names)

    def show_changed(self) -> None:
        """Show only what the last edit changed; only the tree can do that."""
        if self.has_tree and self.tree is not None:
            self.tree.show_changed()

    def use_browser(self) -> None:
        """Show the browser in place of the tree, with a notice."""
        if self.browser is None:
            self.browser = CatalogBrowser(self.state)
        set_text(self._notice, _NOTICE)
        self.has_tree = False
        self.children = [self._notice, self.browser, self._message]

    @shows_errors
    def _on_loaded(self, _change: Mapping[str, object]) -> None:
        if self.tree is not None and self.tree not in self.children:
            # A slow page after all.
            set_text(self._notice, "")
            self.has_tree = True
            self.children = [self._notice, self.tree, self._message]

    # --- fallback to the browser ---

    def expect_page(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fall back to the browser if no page reports within a few seconds that it shows the tree.

        Call it when this pane is displayed, or built inside something displayed, from any thread; ``loop`` is the kernel's.
        """
        if self.tree is not None and not self.tree.loaded and not self._is_waiting:
            self._is_waiting = True
            loop.call_soon_threadsafe(self._wait, loop, 0.0, None)

    def _wait(self, loop: asyncio.AbstractEventLoop, waited: float, executed: object) -> None:
        """Count only the time while the kernel is idle: messages of the page queue behind running cells."""
        asked, executing = time.monotonic(), _cells_executed()

        def look() -> None:
            took = time.monotonic() - asked
            was_idle = took < 2 * _TICK and executing == _cells_executed() and executing == executed
            now = waited + (took if was_idle else 0.0)
            if self.tree is None or self.tree.loaded:
                self._is_waiting = False
            elif now < _PATIENCE:
                self._wait(loop, now, executing)
            else:
                self._is_waiting = False
                self.use_browser()

        loop.call_later(_TICK, look)


def _cells_executed() -> object:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "execution_count", None)
