"""The Explorer: the components side by side, and values passed between them. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import traitlets

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import ONE_AT_A_TIME, Component, guarded, style_sheet
from dbxexplore.widgets.browse.pane import CatalogPane
from dbxexplore.widgets.connect.discover import DiscoverPanel
from dbxexplore.widgets.connect.form import ConnectForm
from dbxexplore.widgets.connect.origin import OriginLine
from dbxexplore.widgets.coverage.panel import CoveragePanel
from dbxexplore.widgets.explain.panel import ExplanationPanel
from dbxexplore.widgets.export.panel import ExportPanel
from dbxexplore.widgets.filter.changes import ChangesPanel
from dbxexplore.widgets.filter.editor import FilterEditor
from dbxexplore.widgets.filter.result import PreviewPanel
from dbxexplore.widgets.filter.suggest import SuggestPanel

_CONNECT, _FILTER, _COVERAGE, _EXPORT = "Connect", "Browse and filter", "Coverage", "Export"


class Explorer(Component):
    """From connecting to an exported connection, as one widget. Every value can be read and assigned."""

    settings = traitlets.Instance(ConnectionSettings, allow_none=True)
    """Where to connect to; None while the form makes no settings."""

    catalog = traitlets.Instance(Catalog, allow_none=True)
    """What was discovered; None until then."""

    filters = traitlets.Instance(Filters)
    """The patterns of all levels."""

    dialect = traitlets.Instance(Dialect)
    """How they are read."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """What the filters let through of the catalog; None while there is no catalog."""

    config = traitlets.Instance(ConnectionConfig, allow_none=True)
    """The connection as it would be exported now; None while it is not complete."""

    read_only = traitlets.Bool(default_value=False)
    """Whether it only shows a connection against a catalog: nothing can be edited, ticked, discovered or saved."""

    def __init__(  # noqa: PLR0913 - each is a value of its own
        self,
        catalog: Catalog | None = None,
        settings: ConnectionSettings | None = None,
        filters: Filters | None = None,
        dialect: Dialect | None = None,
        *,
        config: ConnectionConfig | None = None,
        read_only: bool = False,
    ) -> None:
        if config is not None:
            settings, filters, dialect = (
                settings or config.settings,
                filters or config.filters,
                dialect or config.dialect,
            )
        with widgets.opened_together():
            self._build(catalog, settings, filters, dialect, config, read_only=read_only)

    def _build(  # noqa: PLR0913 - each is a value of its own
        self,
        catalog: Catalog | None,
        settings: ConnectionSettings | None,
        filters: Filters | None,
        dialect: Dialect | None,
        config: ConnectionConfig | None,
        *,
        read_only: bool,
    ) -> None:
        self.origin_line = OriginLine()
        self.connect_form = ConnectForm(settings)
        self.discover_panel = DiscoverPanel()
        self.filter_editor = FilterEditor(filters, dialect)
        self.catalog_pane = CatalogPane()
        self.preview_panel = PreviewPanel()
        self.changes_panel = ChangesPanel(self.filter_editor.filters, self.filter_editor.dialect)
        self.explanation_panel = ExplanationPanel()
        self.suggest_panel = SuggestPanel()
        self.coverage_panel = CoveragePanel()
        self.export_panel = ExportPanel(config)
        super().__init__(filters=self.filter_editor.filters, dialect=self.filter_editor.dialect, read_only=read_only)
        self._parts = {
            _CONNECT: widgets.VBox([self.connect_form, widgets.HTML("<h4>Discover</h4>"), self.discover_panel]),
            _FILTER: self._filter_page(),
            _COVERAGE: self.coverage_panel,
            _EXPORT: self.export_panel,
        }
        self._pages: tuple[str, ...] = ()
        self._tabs = widgets.Tab()
        self._lay_out()
        self.children = [style_sheet(), self.origin_line, self._tabs, self._message]
        self._link()
        self.observe(self._on_catalog, "catalog")
        self.observe(self._on_judged, ["catalog", "filters", "dialect"])
        self.coverage_panel.observe(self._on_place, "place")
        self._tabs.observe(self._on_tab, "selected_index")
        self.observe(self._on_read_only, "read_only")
        self._on_tab({})
        if catalog is not None:
            self.catalog = catalog

    def _filter_page(self) -> widgets.Widget:
        """Return two columns, each as long as it is: what is set on the left, and what comes of it on the right."""
        edited = (
            ("Filters", self.filter_editor),
            ("Result", widgets.VBox([self.preview_panel, self.changes_panel])),
        )
        seen = (("Catalog", self.catalog_pane), ("Ticks", self.suggest_panel), ("Why", self.explanation_panel))
        layout = {"display": "flex", "flex_flow": "row wrap", "grid_gap": "0 24px"}
        return widgets.Box([_column(5, 350, edited), _column(6, 460, seen)], layout=layout)

    def _link(self) -> None:
        """Pass each value on; data flows from the form to the export, and assigning a value here goes both ways."""
        both_ways: dict[str, tuple[Component, ...]] = {
            "settings": (self.connect_form,),
            "catalog": (self.discover_panel,),
            "filters": (self.filter_editor, self.changes_panel, self.explanation_panel, self.suggest_panel),
            "dialect": (self.filter_editor, self.changes_panel),
        }
        onward: dict[str, tuple[Component, ...]] = {
            "settings": (self.discover_panel, self.export_panel, self.origin_line),
            "catalog": (self.origin_line, self.catalog_pane, self.filter_editor, self.suggest_panel),
            "filters": (self.export_panel,),
            "dialect": (self.export_panel, self.suggest_panel),
            "preview": (
                self.changes_panel,
                self.catalog_pane,
                self.preview_panel,
                self.explanation_panel,
                self.suggest_panel,
                self.coverage_panel,
                self.export_panel,
            ),
            "read_only": (
                self.filter_editor,
                self.changes_panel,
                self.catalog_pane,
                self.explanation_panel,
                self.suggest_panel,
                self.export_panel,
            ),
        }
        # What the form makes of its fields, and the editor of its rows, is what counts at the start.
        self.settings = self.connect_form.settings
        for name, parts in both_ways.items():
            for part in parts:
                traitlets.link((self, name), (part, name))
        for name, parts in onward.items():
            for part in parts:
                traitlets.dlink((self, name), (part, name))
        for panel in (self.preview_panel, self.changes_panel, self.coverage_panel):
            traitlets.dlink((self.discover_panel, "discovering"), (panel, "discovering"))
        traitlets.dlink((self.changes_panel, "changed"), (self.catalog_pane, "changed"))
        traitlets.dlink((self.catalog_pane, "selected"), (self.explanation_panel, "selected"))
        for name in ("ticked", "ticked_text"):
            traitlets.dlink((self.catalog_pane, name), (self.suggest_panel, name))
        traitlets.dlink((self.catalog_pane, "page_width"), (self.coverage_panel, "page_width"))
        traitlets.dlink((self.export_panel, "config"), (self, "config"))

    def _displayed(self) -> None:
        self.catalog_pane.expect_page()

    def _lay_out(self) -> None:
        """Show the pages that there are: nothing is connected to where nothing can be edited."""
        pages = {title: part for title, part in self._parts.items() if not (self.read_only and title == _CONNECT)}
        self._pages = tuple(pages)
        self._tabs.children = list(pages.values())
        for index, title in enumerate(pages):
            self._tabs.set_title(index, f"{index + 1} {title}")

    @guarded
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        shown = self._pages[self._tabs.selected_index or 0]
        self._lay_out()
        self._show_page(shown if shown in self._pages else _FILTER)

    def _show_page(self, title: str) -> None:
        self._tabs.selected_index = self._pages.index(title)

    @guarded
    def _on_tab(self, _change: Mapping[str, object]) -> None:
        # The picture is only drawn where someone looks at it.
        self.coverage_panel.active = self._pages[self._tabs.selected_index or 0] == _COVERAGE

    @guarded
    def _on_catalog(self, change: Mapping[str, object]) -> None:
        if change["new"] is not None and self._pages[self._tabs.selected_index or 0] == _CONNECT:
            self._show_page(_FILTER)

    @guarded
    def _on_judged(self, _change: Mapping[str, object]) -> None:
        if self.catalog is None:
            self.preview = None
            return
        try:
            preview = self.filters.preview(self.catalog, self.dialect)
        except errors.DbxExploreError:
            # While a pattern is mended the last good preview stays, but never one of another catalog.
            if self.preview is not None and self.preview.catalog is not self.catalog:
                self.preview = None
            raise
        with self.catalog_pane.at_once():
            self.preview = preview
        self.show_error(None)

    @guarded
    def _on_place(self, change: Mapping[str, object]) -> None:
        place = change["new"]
        if isinstance(place, tuple) and place:
            self.catalog_pane.reveal(*place)
            self._show_page(_FILTER)


def _column(share: int, width: int, parts: tuple[tuple[str, widgets.Widget], ...]) -> widgets.Widget:
    """Return titled parts below each other, with a share of the width or, where it is too narrow, all of it."""
    titled = [widgets.VBox([widgets.HTML(f"<h4>{title}</h4>"), part]) for title, part in parts]
    return widgets.VBox(
        titled, layout={"flex": f"{share} 1 {width}px", "min_width": "min(320px, 100%)", "overflow": "hidden"}
    )


# --- opening it ---


@dataclass(frozen=True, eq=False)
class _Given:
    """What an Explorer was opened with."""

    catalog: Catalog | Path | None
    version: object
    """What is another one when there is another catalog to be read from the same path."""
    settings: ConnectionSettings | None
    filters: Filters | None
    dialect: Dialect | None
    config: ConnectionConfig | Path | None
    read_only: bool

    def differs_only_in_catalog(self, other: _Given) -> bool:
        """Whether the rest is equal."""
        same = ("settings", "filters", "dialect", "config", "read_only")
        return all(getattr(self, name) == getattr(other, name) for name in same)

    def open(self) -> Explorer:
        """Return a new Explorer."""
        config = ConnectionConfig.load(self.config) if isinstance(self.config, Path) else self.config
        return Explorer(
            self.loaded_catalog(), self.settings, self.filters, self.dialect, config=config, read_only=self.read_only
        )

    def loaded_catalog(self) -> Catalog | None:
        """Return the catalog, read if it is a path."""
        return Catalog.load(self.catalog) if isinstance(self.catalog, Path) else self.catalog


_MOST_KEPT = 8

# The Explorers of this kernel by the cells that show them. A kernel has one user, and a cell run again means the same one.
_opened: dict[str, tuple[_Given, Explorer]] = {}


def explore(  # noqa: PLR0913 - each is a value of its own
    catalog: Catalog | str | Path | None = None,
    settings: ConnectionSettings | None = None,
    *,
    filters: Filters | None = None,
    dialect: Dialect | None = None,
    config: ConnectionConfig | str | Path | None = None,
    read_only: bool = False,
    fresh: bool = False,
) -> Explorer:
    """Return the Explorer, to be shown as the last line of a cell.

    A cell that is run again shows the same Explorer as it was left: patterns, ticks, what is open, a discovery under
    way. With another catalog it is the same one with that catalog in it; with other arguments it begins anew. It is sent
    to the page once more, so running the cell again also restores an Explorer that the page has lost; other outputs that
    show it become empty.

    Args:
        catalog: a catalog, or the path of a saved one, to browse from the start; without one, the Explorer begins at
            connecting.
        settings: what to fill the connect form with.
        filters: the patterns to start from.
        dialect: how to read them; `Dialect.DATAHUB` unless given.
        config: a connection, or the path of an exported one, to start from; the arguments above go before it.
        read_only: only show a connection against a catalog: nothing can be edited, ticked, discovered or saved.
        fresh: begin anew, even in a cell that is run again.

    Raises:
        CatalogError: the saved catalog cannot be read.
        ConfigError: the exported connection cannot be read; or, to be read only, there is no catalog to show.
    """
    if read_only and catalog is None:
        msg = "There is nothing to show without a catalog"
        raise errors.ConfigError(msg, expected="a catalog, or the path of a saved one", remedy="Discover one first")
    source = _as_path(catalog)
    given = _Given(source, _version(source), settings, filters, dialect, _as_path(config), read_only)
    cell = _cell()
    before, explorer = _opened.get(cell, (None, None)) if cell else (None, None)
    if fresh or before is None or explorer is None or not given.differs_only_in_catalog(before):
        explorer = given.open()
    else:
        if given.catalog is not None and given.version != before.version:
            explorer.catalog = given.loaded_catalog()
        with ONE_AT_A_TIME:
            # Whatever the page has lost or closed: a cell that is run again shows an Explorer that works.
            widgets.reopen(explorer)
    if cell:
        _opened.pop(cell, None)
        _opened[cell] = (given, explorer)  # at the end, as the one that was used last
        while len(_opened) > _MOST_KEPT:
            del _opened[next(iter(_opened))]
    return explorer


_Value = TypeVar("_Value")


def _as_path(value: _Value | str) -> _Value | Path:
    return Path(value) if isinstance(value, str) else value


def _version(catalog: Catalog | Path | None) -> object:
    if not isinstance(catalog, Path):
        return id(catalog)
    try:
        found = catalog.stat()
    except OSError:  # told when it is read, if it is
        return catalog
    return catalog, found.st_mtime_ns, found.st_size


_calls: dict[str, int] = {}
"""How often the cell that is being run has asked for an Explorer, by the id of the request to run it."""


def _cell() -> str | None:
    """Return what names this call in the cell that is being run, None where no notebook says it."""
    from IPython.core.getipython import get_ipython

    request: object = getattr(get_ipython(), "get_parent", dict)()
    if not isinstance(request, Mapping):
        return None
    about, header = request.get("metadata"), request.get("header")
    name = about.get("cellId") if isinstance(about, Mapping) else None
    if not isinstance(name, str) or not name:
        return None
    run = str(header.get("msg_id")) if isinstance(header, Mapping) else ""
    number = _calls.get(run, 0)
    _calls.clear()
    _calls[run] = number + 1
    return f"{name}#{number}"
