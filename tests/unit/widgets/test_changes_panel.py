"""What an edit changed, and undoing it, as the Explorer links it: filters first, then their preview."""

from __future__ import annotations

import html
import re

import pandas as pd
import traitlets
from widget_markup import shown as shown_now

import dbxexplore as dbx
from dbxexplore.filters import Dialect, Filters, Patterns, Preview
from dbxexplore.widgets import ChangesPanel, FilterEditor


def shown(panel: ChangesPanel) -> str:
    assert panel.wait(30)
    return shown_now(panel)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Hub(traitlets.HasTraits):
    """Does with values what the Explorer does."""

    filters = traitlets.Instance(Filters)
    dialect = traitlets.Instance(Dialect)
    preview = traitlets.Instance(Preview, allow_none=True)

    def __init__(self, catalog: dbx.Catalog | None, filters: Filters | None = None) -> None:
        super().__init__(filters=filters or Filters(), dialect=Dialect.DATAHUB)
        self.catalog, self.clock = catalog, Clock()
        self.panel = ChangesPanel(self.filters, self.dialect, clock=self.clock)
        for name in ("filters", "dialect"):
            traitlets.link((self, name), (self.panel, name))
        self.observe(lambda _: self.judge(), ["filters", "dialect"])
        traitlets.dlink((self, "preview"), (self.panel, "preview"))
        self.judge()

    def judge(self) -> None:
        if self.catalog is not None:
            self.preview = self.filters.preview(self.catalog, self.dialect)

    def type(self, *texts: str) -> None:
        """Type into the first pattern for catalogs, half a second a key."""
        for text in texts:
            self.clock.now += 0.5
            self.filters = self.filters.with_level("catalogs", Patterns([text]))

    def rest(self) -> None:
        self.clock.now += 10


def test_it_tells_what_an_edit_added_and_removed(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    assert "Edit a pattern" in shown(hub.panel)
    hub.panel._later._delay = 3600.0
    hub.filters = Filters(schemas=Patterns(deny=["prod.tmp"]))
    assert "+0 added" in shown_now(hub.panel)  # at once
    assert "−25 removed</span> <span class='dbxe-muted'>and 1 schema</span>" in shown_now(hub.panel)
    assert "dbxe-outdated" in hub.panel._objects._dom_classes
    hub.panel._later._delay = 0.0
    hub.panel._show_changes()
    assert "<code>prod.tmp</code>: 25 objects</td><td class='dbxe-muted'>schema deny prod.tmp" in shown(hub.panel)
    assert "more" not in shown(hub.panel)
    assert "dbxe-outdated" not in hub.panel._objects._dom_classes
    hub.rest()
    hub.filters = Filters(schemas=Patterns(deny=["prod.tmp", "no"]))
    assert "changed no object" in shown(hub.panel)
    assert "prod.tmp" not in shown(hub.panel)


def test_the_changed_rows_are_told_to_others(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    assert hub.panel.changed is None
    hub.filters = Filters(schemas=Patterns(deny=["prod.tmp"]))
    assert set(catalog.objects["full_name"][hub.panel.changed]) == {
        "prod.tmp",
        *(f"prod.tmp.t{n:02}" for n in range(25)),
    }
    hub.catalog = dbx.Catalog(catalog.objects, catalog.failures, catalog.provenance)
    hub.judge()
    assert hub.panel.changed is None


def test_of_what_went_in_and_out_some_of_both_is_shown(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog, Filters(tables=Patterns([".*gold.*", "unlisted.*"])))
    hub.filters = Filters(tables=Patterns([".*tmp.*", "unlisted.*"]))
    assert shown(hub.panel).count("+ in") == shown(hub.panel).count("− out") == 4
    assert "and 43 more: choose Show › Changed by the last edit in the catalog" in shown(hub.panel)
    hub.rest()
    hub.filters = Filters(tables=Patterns(["unlisted.*"]))
    assert (shown(hub.panel).count("+ in"), shown(hub.panel).count("− out")) == (0, 8)


def listed(panel: ChangesPanel) -> list[str]:
    cells = shown(panel).split("<tr>")[1:]
    return [html.unescape(re.sub("<[^>]*>", "", cell.split("</td>")[1])) for cell in cells]


def test_a_container_that_moved_as_a_whole_is_one_line(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    hub.filters = Filters(catalogs=Patterns(deny=["prod"]))
    assert "−51 removed</span> <span class='dbxe-muted'>and 2 catalogs and 2 schemas" in shown(hub.panel)
    assert listed(hub.panel) == ["prod: 51 objects", "prod_mumbai (catalog)"]
    hub.rest()
    hub.filters = Filters(schemas=Patterns(deny=["prod.gold"]), tables=Patterns(deny=[".*t0"]), notebooks=Patterns([]))
    assert listed(hub.panel) == ["prod: 15 objects", "prod_mumbai (catalog)", "/Shared/etl"]
    hub.rest()
    hub.filters = Filters()
    assert listed(hub.panel) == ["prod.gold: 26 objects", *(f"prod.tmp.t{n:02}" for n in range(7))]
    assert "and 4 more" in shown(hub.panel)


def test_an_edit_that_moves_no_object_names_the_containers(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    hub.filters = Filters(catalogs=Patterns(deny=["prod_mumbai"]))
    assert "changed no object's verdict; it changed that of 1 catalog." in shown(hub.panel)
    assert listed(hub.panel) == ["prod_mumbai (catalog)"]


def test_of_many_containers_without_objects_a_few_are_listed() -> None:
    rows = [("catalog", None, None, f"c{n}", f"c{n}") for n in range(10)]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    hub = Hub(catalog)
    hub.filters = Filters(catalogs=Patterns([]))
    assert "and 2 more containers: choose Show" in shown(hub.panel)


def test_the_keyboard_goes_on_at_the_other_way(catalog: dbx.Catalog, focused: list[object]) -> None:
    hub = Hub(catalog)
    for pattern in ("a", "b"):
        hub.rest()
        hub.filters = Filters(catalogs=Patterns([pattern]))
    undo, redo = hub.panel._undo, hub.panel._redo
    assert focused == []
    for button in (undo, undo, redo, redo):
        button.click()
    assert focused == [undo, redo, redo, undo]


def test_what_is_typed_is_compared_with_what_was_before_all_of_it(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog, Filters(catalogs=Patterns(["^prod$"])))
    hub.type("^prod", "^pro", "^prod_", "^prod_mumbai$")
    assert "+0 added" in shown(hub.panel)
    assert "−51 removed</span> <span class='dbxe-muted'>and 2 catalogs and 2 schemas" in shown(hub.panel)
    hub.rest()
    hub.type("^prod_mumba")
    assert "changed no object" in shown(hub.panel)


def test_an_edit_can_be_undone_and_redone(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    assert (hub.panel._undo.disabled, hub.panel._undo.description) == (True, "Undo")
    hub.type("p", "pr", "^prod$")
    hub.rest()
    hub.dialect = Dialect.STRICT
    assert hub.panel._undo.description == "Undo: reading Strict"
    hub.panel._undo.click()
    assert hub.dialect == Dialect.DATAHUB
    assert hub.panel._undo.description == "Undo: allow catalogs 1 '^prod$'"
    assert hub.panel._redo.description == "Redo: reading Strict"
    hub.panel._undo.click()
    assert hub.filters == Filters()
    assert hub.panel._undo.disabled
    assert "+1 added" in shown(hub.panel)  # what going back changed
    hub.panel._redo.click()
    hub.panel._redo.click()
    assert (hub.filters, hub.dialect) == (Filters(catalogs=Patterns(["^prod$"])), Dialect.STRICT)
    hub.panel._undo.click()
    hub.filters = Filters()
    assert hub.panel._redo.disabled


def test_both_values_of_a_step_go_back_together() -> None:
    hub = Hub(None)
    with hub.panel.hold_trait_notifications():
        hub.panel.filters = Filters(catalogs=Patterns(["a"]))
        hub.panel.dialect = Dialect.STRICT
    while not hub.panel._undo.disabled:
        hub.panel._undo.click()
    assert (hub.filters, hub.dialect) == (Filters(), Dialect.DATAHUB)
    while not hub.panel._redo.disabled:
        hub.panel._redo.click()
    assert (hub.filters, hub.dialect) == (Filters(catalogs=Patterns(["a"])), Dialect.STRICT)


def test_another_catalog_is_not_compared_with(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    hub.filters = Filters(catalogs=Patterns(["x"]))
    hub.catalog = dbx.Catalog(catalog.objects, catalog.failures, catalog.provenance)
    hub.judge()
    assert "Edit a pattern" in shown(hub.panel)
    hub.rest()
    hub.filters = Filters()
    assert "+52 added" in shown(hub.panel)


def test_it_undoes_what_is_done_in_the_editor(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    editor = FilterEditor(catalog=catalog)
    traitlets.link((hub, "filters"), (editor, "filters"))
    section = editor._sections["catalogs"]
    view = next(iter(section._views.values()))
    view.on.value = False
    hub.rest()
    hub.panel._undo.click()
    assert view.on.value
    assert editor.filters == Filters()
    view.text.value = "a("
    view.text.value = "a(b)"
    hub.panel._undo.click()
    assert view.text.value == ".*"


def test_names_and_patterns_are_shown_as_text(catalog: dbx.Catalog) -> None:
    hub = Hub(catalog)
    hub.filters = Filters(views=Patterns(deny=[".*<img src=x"]), catalogs=Patterns(deny=["<img src=x"]))
    assert "&lt;img" in shown(hub.panel)
    assert "<img" not in shown(hub.panel)
    hub.panel.read_only = True
    assert hub.panel._buttons.layout.display == "none"
