"""What an edit changed, and undoing it."""

from __future__ import annotations

import html
import re

import pandas as pd
from widget_markup import button
from widget_markup import shown as shown_now

import dbxexplore as dbx
from dbxexplore.filters import Dialect, Filters, Patterns
from dbxexplore.widgets import ChangesPanel, ExplorerState, FilterEditor, UndoButtons


def shown(panel: ChangesPanel) -> str:
    assert panel.wait(30)
    return shown_now(panel)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Edits:
    """Edits a state at times of its own, and shows them in a panel."""

    def __init__(self, catalog: dbx.Catalog | None, filters: Filters | None = None) -> None:
        self.clock = Clock()
        self.state = ExplorerState(catalog=catalog, filters=filters or Filters(), clock=self.clock)
        self.panel = ChangesPanel(self.state)
        self.buttons = UndoButtons(self.state)
        self.undo, self.redo = self.buttons.children[0].children

    def type(self, *texts: str) -> None:
        """Type into the first pattern for catalogs, half a second a key."""
        for text in texts:
            self.clock.now += 0.5
            self.state.filters = self.state.filters.with_level("catalogs", Patterns([text]))

    def rest(self) -> None:
        self.clock.now += 10


def test_it_tells_what_an_edit_added_and_removed(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    assert "Edit a pattern" in shown(edits.panel)
    edits.panel._later._delay = 3600.0
    edits.state.filters = Filters(schemas=Patterns(deny=["prod.tmp"]))
    assert "added" not in shown_now(edits.panel)
    assert "−25 removed</span> <span class='dbxe-muted'>and 1 schema</span>" in shown_now(edits.panel)  # at once
    assert "dbxe-outdated" in edits.panel._objects._dom_classes
    edits.panel._later._delay = 0.0
    edits.panel._show_changes({})
    assert "<code>prod.tmp</code>: 25 objects</td><td class='dbxe-muted'>schema deny prod.tmp" in shown(edits.panel)
    assert "more" not in shown(edits.panel)
    assert "dbxe-outdated" not in edits.panel._objects._dom_classes
    edits.rest()
    edits.state.filters = Filters(schemas=Patterns(deny=["prod.tmp", "no"]))
    assert "No change" in shown(edits.panel)
    assert "prod.tmp" not in shown(edits.panel)


def test_the_changed_rows_are_told_to_others(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    assert edits.state.changed is None
    edits.state.filters = Filters(schemas=Patterns(deny=["prod.tmp"]))
    assert set(catalog.objects["full_name"][edits.state.changed.flags]) == {
        "prod.tmp",
        *(f"prod.tmp.t{n:02}" for n in range(25)),
    }
    edits.state.catalog = dbx.Catalog(catalog.objects, catalog.failures, catalog.provenance)
    assert edits.state.changed is None


def test_of_what_went_in_and_out_some_of_both_is_shown(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog, Filters(tables=Patterns([".*gold.*", "unlisted.*"])))
    edits.state.filters = Filters(tables=Patterns([".*tmp.*", "unlisted.*"]))
    assert shown(edits.panel).count("+ added") == shown(edits.panel).count("− removed") == 4
    assert "43 more objects" in shown(edits.panel)
    edits.rest()
    edits.state.filters = Filters(tables=Patterns(["unlisted.*"]))
    assert (shown(edits.panel).count("+ added"), shown(edits.panel).count("− removed")) == (0, 8)


def listed(panel: ChangesPanel) -> list[str]:
    cells = shown(panel).split("<tr>")[1:]
    return [html.unescape(re.sub("<[^>]*>", "", cell.split("</td>")[1])) for cell in cells]


def test_a_container_that_moved_as_a_whole_is_one_line(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    edits.state.filters = Filters(catalogs=Patterns(deny=["prod"]))
    assert "−51 removed</span> <span class='dbxe-muted'>and 2 catalogs and 2 schemas" in shown(edits.panel)
    assert listed(edits.panel) == ["prod: 51 objects", "prod_mumbai (catalog)"]
    edits.rest()
    edits.state.filters = Filters(
        schemas=Patterns(deny=["prod.gold"]), tables=Patterns(deny=[".*t0"]), notebooks=Patterns([])
    )
    assert listed(edits.panel) == ["prod: 15 objects", "prod_mumbai (catalog)", "/Shared/etl"]
    edits.rest()
    edits.state.filters = Filters()
    assert listed(edits.panel) == ["prod.gold: 26 objects", *(f"prod.tmp.t{n:02}" for n in range(7))]
    assert "4 more objects" in shown(edits.panel)


def test_an_edit_that_moves_no_object_names_the_containers(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    edits.state.filters = Filters(catalogs=Patterns(deny=["prod_mumbai"]))
    assert "No tables, views or notebooks changed (1 catalog did)." in shown(edits.panel)
    assert listed(edits.panel) == ["prod_mumbai (catalog)"]


def test_of_many_containers_without_objects_a_few_are_listed() -> None:
    rows = [("catalog", None, None, f"c{n}", f"c{n}") for n in range(10)]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    edits = Edits(catalog)
    edits.state.filters = Filters(catalogs=Patterns([]))
    assert "2 more containers" in shown(edits.panel)


def test_all_of_them_are_shown_in_the_tree(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    panel, tree = explorer.changes_panel, explorer.catalog_pane.tree
    assert tree is not None
    assert tree._model is not None
    show = button(panel, "Show all in the tree")
    explorer.filters = Filters(tables=Patterns(deny=[r".*\.t0[0-3]$"]))
    assert "4 removed" not in shown(panel)
    assert "8 removed" in shown(panel)
    assert show.layout.display == "none", "there are no more"
    explorer.filters = Filters()
    assert panel.wait(30)
    assert show.layout.display == "none"
    explorer.filters = Filters(tables=Patterns(deny=[r"prod\..*\.t0\d$"]))
    assert "12 more objects" in shown(panel)
    assert show.layout.display is None
    tree._model.search("nothing is called this")
    show.click()
    status = tree.reply["status"]
    assert (status["show"], status["query"], status["found"]) == ("changed", "", "20 of 53 objects")
    assert [row["name"] for row in tree.reply["rows"]][:3] == ["prod", "gold", "t00"]
    assert tree.reply["total"] == 1 + 2 + 20
    explorer.catalog_pane.use_browser()
    assert panel.wait(30)
    assert show.layout.display == "none", "the simpler browser shows everything"


def test_the_keyboard_goes_on_at_the_other_way(catalog: dbx.Catalog, focused: list[object]) -> None:
    edits = Edits(catalog)
    for pattern in ("a", "b"):
        edits.rest()
        edits.state.filters = Filters(catalogs=Patterns([pattern]))
    undo, redo = edits.undo, edits.redo
    assert focused == []
    for each in (undo, undo, redo, redo):
        each.click()
    assert focused == [undo, redo, redo, undo]


def test_what_is_typed_is_compared_with_what_was_before_all_of_it(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog, Filters(catalogs=Patterns(["^prod$"])))
    edits.type("^prod", "^pro", "^prod_", "^prod_mumbai$")
    assert "added</span>" not in shown(edits.panel)
    assert "−51 removed</span> <span class='dbxe-muted'>and 2 catalogs and 2 schemas" in shown(edits.panel)
    edits.rest()
    edits.type("^prod_mumba")
    assert "No change" in shown(edits.panel)


def test_an_edit_can_be_undone_and_redone(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    assert (edits.undo.disabled, edits.undo.description) == (True, "Undo")
    edits.type("p", "pr", "^prod$")
    edits.rest()
    edits.state.dialect = Dialect.STRICT
    assert edits.undo.description == "Undo switch to Strict"
    edits.undo.click()
    assert edits.state.dialect == Dialect.DATAHUB
    assert edits.undo.description == "Undo edit of allow “^prod$” (catalogs)"
    assert edits.redo.description == "Redo switch to Strict"
    edits.undo.click()
    assert edits.state.filters == Filters()
    assert edits.undo.disabled
    assert "+1 added" in shown(edits.panel)  # what going back changed
    edits.redo.click()
    edits.redo.click()
    assert (edits.state.filters, edits.state.dialect) == (Filters(catalogs=Patterns(["^prod$"])), Dialect.STRICT)
    edits.undo.click()
    edits.state.filters = Filters()
    assert edits.redo.disabled


def test_both_values_of_a_step_go_back_together() -> None:
    edits = Edits(None)
    edits.state.update(filters=Filters(catalogs=Patterns(["a"])), dialect=Dialect.STRICT)
    while not edits.undo.disabled:
        edits.undo.click()
    assert (edits.state.filters, edits.state.dialect) == (Filters(), Dialect.DATAHUB)
    while not edits.redo.disabled:
        edits.redo.click()
    assert (edits.state.filters, edits.state.dialect) == (Filters(catalogs=Patterns(["a"])), Dialect.STRICT)


def test_another_catalog_is_not_compared_with(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    edits.state.filters = Filters(catalogs=Patterns(["x"]))
    edits.state.catalog = dbx.Catalog(catalog.objects, catalog.failures, catalog.provenance)
    assert "Edit a pattern" in shown(edits.panel)
    edits.rest()
    edits.state.filters = Filters()
    assert "+52 added" in shown(edits.panel)


def test_it_undoes_what_is_done_in_the_editor(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    editor = FilterEditor(edits.state)
    section = editor._sections["catalogs"]
    view = next(iter(section._views.values()))
    view.on.value = False
    edits.rest()
    edits.undo.click()
    assert view.on.value
    assert edits.state.filters == Filters()
    view.text.value = "a("
    view.text.value = "a(b)"
    edits.state.finish()
    edits.undo.click()
    assert view.text.value == ".*"


def test_names_and_patterns_are_shown_as_text(catalog: dbx.Catalog) -> None:
    edits = Edits(catalog)
    edits.state.filters = Filters(views=Patterns(deny=[".*<img src=x"]), catalogs=Patterns(deny=["<img src=x"]))
    assert "&lt;img" in shown(edits.panel)
    assert "<img" not in shown(edits.panel)
    edits.state.read_only = True
    assert edits.buttons.children[0].layout.display == "none"
