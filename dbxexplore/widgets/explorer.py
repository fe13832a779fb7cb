"""The Explorer: all panels on five pages, sharing one state. It only composes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, TypeVar

import traitlets

from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.filters.lint import Finding
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.access.panel import AccessPanel
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors, style_sheet
from dbxexplore.widgets.browse.pane import CatalogPane
from dbxexplore.widgets.connect.discover import DiscoverPanel
from dbxexplore.widgets.connect.form import ConnectForm
from dbxexplore.widgets.connect.origin import OriginLine
from dbxexplore.widgets.connect.progress import ProgressLine
from dbxexplore.widgets.coverage.panel import CoveragePanel
from dbxexplore.widgets.explain.details import ObjectPanel
from dbxexplore.widgets.explain.panel import ExplanationPanel
from dbxexplore.widgets.export.panel import ExportPanel
from dbxexplore.widgets.files.last import Autosave, LastSessionLine
from dbxexplore.widgets.files.panel import FilesPanel
from dbxexplore.widgets.filter.changes import ChangesPanel
from dbxexplore.widgets.filter.editor import FilterEditor
from dbxexplore.widgets.filter.result import PreviewPanel
from dbxexplore.widgets.filter.suggest import SuggestPanel
from dbxexplore.widgets.filter.undo import UndoButtons
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.workbench import CHANGES, DETAILS, SELECTION, WHY, DetailsPane, workbench

_P = TypeVar("_P", bound=Component)

_CONNECT, _FILTER, _COVERAGE, _ACCESS, _EXPORT = "Connect", "Browse and filter", "Coverage", "Access", "Export"


class _OfState(traitlets.TraitType):
    """A trait whose value is that of the same name in ``state``."""

    def get(self, obj: Explorer, cls: object = None) -> object:  # noqa: ARG002 - of the base class
        return getattr(obj.state, self.name)

    def set(self, obj: Explorer, value: object) -> None:
        setattr(obj.state, self.name, value)


class _Derived(_OfState):
    """A value that follows from others."""

    def set(self, obj: Explorer, value: object) -> None:
        if value is self.get(obj):  # as traitlets does at the end of hold_trait_notifications
            return
        msg = f"{self.name} cannot be assigned, because it is computed. Assign catalog, filters or dialect instead"
        raise traitlets.TraitError(msg)


class _OfConnection(_OfState):
    """The connection, which is assigned as a whole."""

    def set(self, obj: Explorer, value: object) -> None:
        if value is self.get(obj):
            return
        if not isinstance(value, ConnectionConfig):
            msg = f"config takes a ConnectionConfig, not {type(value).__name__}. To start over, assign filters or settings"
            raise traitlets.TraitError(msg)
        super().set(obj, value)


class Explorer(Component):
    """From connecting to an exported connection, as one widget.

    Every value can be read, assigned and observed, here or in `state`, which has more of them. A page is built when it
    is first shown, or when one of its panels is first asked for.
    """

    settings: ConnectionSettings | None = _OfState()
    """Where to connect to; None while the form is incomplete."""

    catalog: Catalog | None = _OfState()
    """What was discovered; None until then."""

    filters: Filters = _OfState()
    """The patterns of all levels."""

    dialect: Dialect = _OfState()
    """The matching rules."""

    preview: Preview | None = _Derived()
    """What the filters include of the catalog; None while there is no catalog. It cannot be assigned."""

    config: ConnectionConfig | None = _OfConnection()
    """The connection as it would be exported now; None while it is not complete. Assigning a connection sets all its
    values."""

    read_only: bool = _OfState()
    """Whether it only shows a connection and a catalog: nothing can be edited, ticked, discovered or saved."""

    state: ExplorerState
    """The values of all panels."""

    WRITES = ("settings", "catalog", "filters", "dialect", "preview", "config", "read_only")

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
        values = {"catalog": catalog, "settings": settings, "filters": filters, "dialect": dialect}
        initial: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        state = ExplorerState(config, read_only=read_only, **initial)
        with widgets.opened_together():
            self._loop: asyncio.AbstractEventLoop | None = None  # of the kernel, once this is displayed
            self._panels: dict[type[Component], Component] = {}
            self.origin_line = OriginLine(state)
            self.progress_line = ProgressLine(state)
            self._problem = message_area()
            self._tabs = widgets.Tab()
            self._pages = {title: widgets.VBox() for title in (_CONNECT, _FILTER, _COVERAGE, _ACCESS, _EXPORT)}
            super().__init__(state)
            self._fill = widgets.Button(
                description="Full screen", icon="expand", tooltip="Fill the screen; Esc to go back"
            )
            self._fill.add_class("dbxe-fill")
            self._fill.add_class("dbxe-quiet")
            self._files = widgets.Button(description="Files", icon="folder-open", tooltip="Open or save")
            self._files.add_class("dbxe-quiet")
            self._files_box = widgets.VBox()
            self.last_session = LastSessionLine(state)
            self._autosave: Autosave | None = None  # once this is displayed
            head = widgets.HBox([self.origin_line, self._files, self._fill])
            head.add_class("dbxe-head")
            self.add_class("dbxe-explorer")
            above = [head, self._files_box, self.last_session, self.progress_line]
            self.children = [style_sheet(), *above, self._tabs, self._problem, self._message]
            self._files.on_click(self._on_files)
            self._lay_out()
            self._show_problem()
            self._tabs.observe(self._on_tab, "selected_index")
            state.observe(self._show_problem, "problem")
            state.observe(self._on_catalog, "catalog")
            state.observe(self._on_read_only, "read_only")
            state.observe(self._on_unfinished, ["unfinished", "draft"])
            state.observe(self._on_value, list(self.WRITES))
            self.page = _FILTER if catalog is not None else self.page
            self._on_tab({})

    # --- the panels ---

    @property
    def connect_form(self) -> ConnectForm:
        """The form that makes the settings."""
        return self._panel(ConnectForm)

    @property
    def discover_panel(self) -> DiscoverPanel:
        """The panel that discovers the catalog."""
        return self._panel(DiscoverPanel)

    @property
    def filter_editor(self) -> FilterEditor:
        """The editor of patterns and matching rules."""
        return self._panel(FilterEditor)

    @property
    def preview_panel(self) -> PreviewPanel:
        """What the filters include, in numbers."""
        return self._panel(PreviewPanel)

    @property
    def undo_buttons(self) -> UndoButtons:
        """Undo and redo."""
        return self._panel(UndoButtons)

    @property
    def changes_panel(self) -> ChangesPanel:
        """What the last edit changed."""
        return self._panel(ChangesPanel)

    @property
    def catalog_pane(self) -> CatalogPane:
        """The catalog as a tree."""
        return self._panel(CatalogPane)

    @property
    def suggest_panel(self) -> SuggestPanel:
        """Patterns generated from the selection."""
        return self._panel(SuggestPanel)

    @property
    def explanation_panel(self) -> ExplanationPanel:
        """Why the selected object is included or excluded."""
        return self._panel(ExplanationPanel)

    @property
    def object_panel(self) -> ObjectPanel:
        """Details of the selected object."""
        return self._panel(ObjectPanel)

    @property
    def coverage_panel(self) -> CoveragePanel:
        """How much of each catalog and schema is included."""
        return self._panel(CoveragePanel)

    @property
    def access_panel(self) -> AccessPanel:
        """What a principal can see of what is included, and which grants it lacks."""
        return self._panel(AccessPanel)

    @property
    def files_panel(self) -> FilesPanel:
        """Opens and saves snapshots, connections and sessions."""
        return self._panel(FilesPanel)

    @property
    def export_panel(self) -> ExportPanel:
        """The connection in the formats that it can be exported to."""
        return self._panel(ExportPanel)

    def _panel(self, kind: type[_P]) -> _P:
        """Return the panel of a kind, built when it is first asked for."""
        with self.state.lock, widgets.opened_together():
            panel = self._panels.get(kind)
            if panel is None:
                panel = self._panels[kind] = kind(self.state)
                if isinstance(panel, CatalogPane) and self._loop is not None:
                    panel.expect_page(self._loop)
                if isinstance(panel, DiscoverPanel):
                    panel.leave_out_progress()
                if isinstance(panel, CoveragePanel):
                    panel.active = self.page == _COVERAGE
                    panel.observe(self._on_place, "place")
                if isinstance(panel, ChangesPanel):
                    traitlets.dlink((self.catalog_pane, "has_tree"), (panel, "has_tree"))
                    panel.observe(self._on_asked, "asked")
                if isinstance(panel, ExportPanel):
                    panel.observe(self._on_finding, "finding_to_show")
            assert isinstance(panel, kind)
            return panel

    # --- the pages ---

    @property
    def pages(self) -> tuple[str, ...]:
        """The titles of the pages; a read-only Explorer has no page *Connect*."""
        return tuple(title for title in self._pages if not (self.state.read_only and title == _CONNECT))

    @property
    def page(self) -> str:
        """The title of the page that is shown; assign one of `pages` to show another."""
        shown = self._tabs.children[self._tabs.selected_index or 0]
        return next(title for title, page in self._pages.items() if page is shown)

    @page.setter
    def page(self, title: str) -> None:
        self._tabs.selected_index = self.pages.index(title)

    def _lay_out(self) -> None:
        self._tabs.children = [self._pages[title] for title in self.pages]
        self._show_titles()

    def _show_titles(self) -> None:
        """Number the pages, with a mark where a pattern is not valid."""
        for index, title in enumerate(self.pages):
            mark = " ⚠" if title == _FILTER and self.state.unfinished and self.state.draft is None else ""
            self._tabs.set_title(index, f"{index + 1} {title}{mark}")

    def _contents(self, title: str) -> widgets.Widget:
        if title == _CONNECT:
            return widgets.VBox([self.connect_form, widgets.HTML("<h4>Discover</h4>"), self.discover_panel])
        if title == _FILTER:
            return self._filter_page()
        panels = {_COVERAGE: CoveragePanel, _ACCESS: AccessPanel, _EXPORT: ExportPanel}
        return self._panel(panels[title])

    def _filter_page(self) -> widgets.Widget:
        """Return the filters, the catalog with what they include of it, and the details."""
        panels = {
            WHY: lambda: self.explanation_panel,
            DETAILS: lambda: self.object_panel,
            SELECTION: lambda: self.suggest_panel,
            CHANGES: lambda: self.changes_panel,
        }
        self.details = DetailsPane(self.state, panels)
        return workbench([self.undo_buttons, self.filter_editor], [self.preview_panel, self.catalog_pane], self.details)

    # --- what happens ---

    def _displayed(self) -> None:
        self.origin_line.refresh()
        with contextlib.suppress(RuntimeError):  # no kernel, so no page either
            self._loop = asyncio.get_running_loop()
        if self._loop is not None and CatalogPane in self._panels:
            self.catalog_pane.expect_page(self._loop)
        if self._autosave is None:
            self._autosave = Autosave(self.state)
            self.last_session.offer()

    @shows_errors
    def _on_files(self, _button: widgets.Button) -> None:
        self._files_box.children = [] if self._files_box.children else [self.files_panel]

    def _on_value(self, change: Mapping[str, object]) -> None:
        """Notify observers of the Explorer."""
        self.notify_change(traitlets.Bunch({**change, "owner": self}))

    def _show_problem(self, _change: object = None) -> None:
        set_text(self._problem, "" if self.state.problem is None else error_html(self.state.problem))

    @shows_errors
    def _on_unfinished(self, _change: Mapping[str, object]) -> None:
        self._show_titles()
        (self.remove_class if self.state.draft is None else self.add_class)("dbxe-provisional")

    @shows_errors
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        shown = self.page
        self._lay_out()
        self.page = shown if shown in self.pages else _FILTER
        self._on_tab({})

    @shows_errors
    def _on_tab(self, _change: Mapping[str, object]) -> None:
        self.origin_line.refresh()
        title = self.page
        page = self._pages[title]
        if not page.children:
            with widgets.opened_together():
                contents = self._contents(title)
            page.children = [contents]  # now that they are open in the page
        if CoveragePanel in self._panels:
            # The treemap is drawn only while its page is shown.
            self.coverage_panel.active = title == _COVERAGE

    @shows_errors
    def _on_catalog(self, change: Mapping[str, object]) -> None:
        before = change["old"]
        if isinstance(before, Catalog) and before.in_progress:
            return  # it is filled further, wherever the user is by now
        if self.state.catalog is not None and self.page == _CONNECT:
            self.page = _FILTER

    @shows_errors
    def _on_place(self, change: Mapping[str, object]) -> None:
        place = change["new"]
        if isinstance(place, tuple) and place:
            self.catalog_pane.reveal(*place)
            self.page = _FILTER

    @shows_errors
    def _on_asked(self, _change: Mapping[str, object]) -> None:
        self.catalog_pane.show_changed()

    @shows_errors
    def _on_finding(self, change: Mapping[str, object]) -> None:
        if isinstance(change["new"], Finding):
            self.page = _FILTER
            self.filter_editor.show_finding(change["new"])
