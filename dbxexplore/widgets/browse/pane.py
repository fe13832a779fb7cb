"""The catalog in the Explorer: the tree, or the core-widget browser where a front end cannot show the tree."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

import traitlets

from dbxexplore.catalog import Catalog
from dbxexplore.filters import Preview
from dbxexplore.widgets.base import Component, Mask, guarded, message_area, set_text
from dbxexplore.widgets.browse.browser import CatalogBrowser

try:
    from dbxexplore.widgets.browse.tree import CatalogTree
except ImportError as error:  # anywidget is missing or does not fit
    logging.getLogger(__name__).warning("The catalog tree cannot be loaded: %s", error)
    CatalogTree = None  # type: ignore[assignment,misc]  # the browser takes its place

_PATIENCE = 8  # seconds that the kernel was idle and no page said that it shows the tree
_TICK = 1.0
_NOTICE = (
    "<div class='dbxe-muted' role='status'>This notebook cannot show the catalog tree (its JavaScript did not load), "
    "so this is a plainer browser, without ticks.</div>"
)


class CatalogPane(Component):
    """Shows a catalog as a tree, and by itself as a plainer browser where the tree cannot be shown."""

    catalog = traitlets.Instance(Catalog, allow_none=True)
    """What is shown."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """Verdicts to show beside the rows, of the same catalog."""

    changed = Mask()
    """A boolean for each row of ``catalog.objects``: whether the last edit changed its verdict."""

    selected = traitlets.Int(-1)
    """The row of ``catalog.objects`` that was clicked last, -1 for none."""

    ticked = Mask()
    """A boolean for each row of ``catalog.objects``: whether it, or something in it, is ticked. None for none."""

    ticked_text = traitlets.Unicode("")
    """How many objects are ticked, in words; empty for none."""

    read_only = traitlets.Bool(default_value=False)
    """Whether nothing can be ticked."""

    page_width = traitlets.Int(0)
    """Width of the whole Explorer in the page, in pixels; 0 while no page has told it."""

    def __init__(self, catalog: Catalog | None = None, preview: Preview | None = None) -> None:
        self._notice = message_area()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.tree = None if CatalogTree is None else CatalogTree()
        self.browser: CatalogBrowser | None = None
        super().__init__(catalog=catalog, preview=preview)
        if self.tree is None:
            self.use_browser()
            return
        self.children = [self._notice, self.tree, self._message]
        for name in ("catalog", "preview", "changed", "read_only"):
            traitlets.dlink((self, name), (self.tree, name))
        for name in ("selected", "ticked", "ticked_text", "page_width"):
            traitlets.dlink((self.tree, name), (self, name))
        self.tree.observe(self._on_loaded, "loaded")

    def at_once(self) -> AbstractContextManager[object]:
        """Have verdicts and changes that are set within it shown together."""
        return contextlib.nullcontext() if self.tree is None else self.tree.hold_trait_notifications()

    def reveal(self, *names: str) -> None:
        """Show a catalog, or a schema by the names of both."""
        if self.browser is not None and self.browser in self.children:
            self.browser.path = names
        elif self.tree is not None:
            self.tree.reveal(*names)

    def use_browser(self) -> None:
        """Show the browser in place of the tree, and say so."""
        if self.browser is None:
            self.browser = CatalogBrowser(self.catalog, self.preview)
            for name in ("catalog", "preview"):
                traitlets.dlink((self, name), (self.browser, name))
            traitlets.dlink((self.browser, "selected"), (self, "selected"))
        set_text(self._notice, _NOTICE)
        self.children = [self._notice, self.browser, self._message]

    @guarded
    def _on_loaded(self, _change: Mapping[str, object]) -> None:
        if self.tree is not None and self.tree not in self.children:
            # A slow page after all.
            set_text(self._notice, "")
            self.children = [self._notice, self.tree, self._message]

    # --- whether a page shows the tree ---

    def expect_page(self) -> None:
        """Use the browser if, in a while, no page has said that it shows the tree; called when this is displayed."""
        if self.tree is None or self.tree.loaded or self._loop is not None:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel, so no page either
            return
        self._wait(self._loop, 0.0, None)

    def _wait(self, loop: asyncio.AbstractEventLoop, waited: float, executed: object) -> None:
        """Count only the time in which the kernel was idle: what the page says stands in line behind other cells."""
        asked, executing = time.monotonic(), _cells_executed()

        def look() -> None:
            took = time.monotonic() - asked
            was_idle = took < 2 * _TICK and executing == _cells_executed() and executing == executed
            now = waited + (took if was_idle else 0.0)
            if self.tree is None or self.tree.loaded:
                self._loop = None
            elif now < _PATIENCE:
                self._wait(loop, now, executing)
            else:
                self._loop = None
                self.use_browser()

        loop.call_later(_TICK, look)


def _cells_executed() -> object:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "execution_count", None)
