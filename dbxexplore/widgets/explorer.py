"""The Explorer: the components side by side, and values passed between them. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets
import traitlets

from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.widgets._base import STYLE, Component, guarded
from dbxexplore.widgets.catalog_browser import CatalogBrowser
from dbxexplore.widgets.connect_form import ConnectForm
from dbxexplore.widgets.discover_panel import DiscoverPanel
from dbxexplore.widgets.explanation_panel import ExplanationPanel
from dbxexplore.widgets.export_panel import ExportPanel
from dbxexplore.widgets.filter_editor import FilterEditor
from dbxexplore.widgets.preview_panel import PreviewPanel

_TABS = ("1 Connect", "2 Browse and filter", "3 Export")


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

    def __init__(
        self,
        catalog: Catalog | None = None,
        settings: ConnectionSettings | None = None,
        filters: Filters | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self.connect_form = ConnectForm(settings)
        self.discover_panel = DiscoverPanel()
        self.browser = CatalogBrowser()
        self.filter_editor = FilterEditor(filters, dialect)
        self.preview_panel = PreviewPanel()
        self.explanation_panel = ExplanationPanel()
        self.export_panel = ExportPanel()
        super().__init__(filters=self.filter_editor.filters, dialect=self.filter_editor.dialect)
        self._tabs = widgets.Tab([self._connect_tab(), self._filter_tab(), self.export_panel])
        for index, title in enumerate(_TABS):
            self._tabs.set_title(index, title)
        self.children = [widgets.HTML(STYLE), self._tabs, self._message]
        self._link()
        self.observe(self._on_catalog, "catalog")
        self.observe(self._on_judged, ["catalog", "filters", "dialect"])
        if catalog is not None:
            self.catalog = catalog

    def _connect_tab(self) -> widgets.Widget:
        return widgets.VBox([self.connect_form, widgets.HTML("<h4>Discover</h4>"), self.discover_panel])

    def _filter_tab(self) -> widgets.Widget:
        return widgets.VBox(
            [
                _side_by_side(("Filters", self.filter_editor), ("Result", self.preview_panel)),
                _side_by_side(("Catalog", self.browser), ("Why", self.explanation_panel)),
            ]
        )

    def _link(self) -> None:
        """Pass each value on; data flows from the form to the export, and assigning a value here goes both ways."""
        for name, parts in {
            "settings": (self.connect_form, self.discover_panel, self.export_panel),
            "catalog": (self.discover_panel, self.browser),
            "filters": (self.filter_editor, self.export_panel),
            "dialect": (self.filter_editor, self.export_panel),
            "preview": (self.browser, self.preview_panel, self.explanation_panel, self.export_panel),
        }.items():
            source, *others = parts
            # The first component is where a person sets the value, so it is what counts at the start.
            if name in {"settings", "filters", "dialect"}:
                setattr(self, name, getattr(source, name))
                traitlets.link((source, name), (self, name))
            else:
                traitlets.link((self, name), (source, name))
            for other in others:
                traitlets.dlink((self, name), (other, name))
        traitlets.dlink((self.export_panel, "config"), (self, "config"))
        traitlets.dlink((self.browser, "selected"), (self.explanation_panel, "selected"))

    @guarded
    def _on_catalog(self, change: Mapping[str, object]) -> None:
        if change["new"] is not None:
            self._tabs.selected_index = 1

    @guarded
    def _on_judged(self, _change: Mapping[str, object]) -> None:
        if self.catalog is None:
            self.preview = None
            return
        self.preview = self.filters.preview(self.catalog, self.dialect)
        self.show_error(None)


def _side_by_side(*parts: tuple[str, widgets.Widget]) -> widgets.Widget:
    """Return titled parts in a row that becomes a column where it is too narrow."""
    columns = [
        widgets.VBox(
            [widgets.HTML(f"<h4>{title}</h4>"), part],
            layout={"flex": "1 1 420px", "min_width": "320px", "overflow": "hidden"},
        )
        for title, part in parts
    ]
    return widgets.Box(columns, layout={"display": "flex", "flex_flow": "row wrap", "grid_gap": "0 24px"})


def explore(
    catalog: Catalog | None = None,
    settings: ConnectionSettings | None = None,
    *,
    filters: Filters | None = None,
    dialect: Dialect | None = None,
) -> Explorer:
    """Return the Explorer, to be shown as the last line of a cell.

    Args:
        catalog: a catalog to browse from the start; without one, the Explorer begins at connecting.
        settings: what to fill the connect form with.
        filters: the patterns to start from.
        dialect: how to read them; `Dialect.DATAHUB` unless given.
    """
    return Explorer(catalog, settings, filters, dialect)
