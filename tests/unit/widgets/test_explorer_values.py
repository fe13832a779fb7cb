"""The Explorer: values go from one component to the next, and assigning one is the same as typing it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import traitlets
from widget_markup import field, shown

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.widgets import opening
from dbxexplore.widgets.browse.model import TreeModel

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


def test_it_starts_with_nothing_and_has_a_value_for_everything() -> None:
    explorer = dbx.explore()
    assert (explorer.settings, explorer.catalog, explorer.preview, explorer.config) == (None, None, None, None)
    assert (explorer.filters, explorer.dialect) == (dbx.Filters(), dbx.Dialect.DATAHUB)


def test_what_is_typed_reaches_the_export(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog, dbx.ConnectionSettings(URL))
    field(explorer.filter_editor, "allow catalogs 1").text.value = "^prod$"
    explorer.state.finish()
    assert explorer.filters.catalogs.allow == ("^prod$",)
    assert explorer.preview is not None
    assert explorer.preview.included.equals(explorer.filters.preview(catalog).included)
    assert explorer.config is not None
    assert explorer.config.filters == explorer.filters


def test_assigned_values_equal_built_ones(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(tables=dbx.Patterns(["^prod"]))
    settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("T"))
    built = dbx.explore(catalog, settings, filters=filters, dialect=dbx.Dialect.STRICT)
    assigned = dbx.explore()
    assigned.dialect, assigned.filters = dbx.Dialect.STRICT, filters
    assigned.settings, assigned.catalog = settings, catalog
    assert built.config == assigned.config
    assert built.config is not None
    assert built.config.dialect == dbx.Dialect.STRICT
    assert built.preview is not None
    assert assigned.preview is not None
    assert built.preview.included.equals(assigned.preview.included)
    assert field(assigned.filter_editor, "allow tables 1").text.value == "^prod"
    assert assigned.connect_form._url.value == URL


def test_every_value_can_be_observed_and_linked(catalog: dbx.Catalog) -> None:
    explorer, other = dbx.explore(), dbx.explore()
    changes: list[tuple[str, object]] = []
    names = ["settings", "catalog", "filters", "dialect", "preview", "config", "read_only"]
    explorer.observe(lambda change: changes.append((change["name"], change["owner"])), names)
    explorer.settings, explorer.catalog = dbx.ConnectionSettings(URL), catalog
    explorer.filters, explorer.dialect = dbx.Filters(tables=dbx.Patterns(["^prod"])), dbx.Dialect.STRICT
    explorer.read_only = True
    assert {name for name, _ in changes} == set(names)
    assert all(owner is explorer for _, owner in changes)
    traitlets.link((explorer, "filters"), (other, "filters"))
    assert other.filters == explorer.filters
    other.filters = dbx.Filters()
    assert explorer.filters == explorer.state.filters == dbx.Filters()
    with explorer.hold_trait_notifications():
        explorer.filters = dbx.Filters(tables=dbx.Patterns([]))
    assert other.filters.tables.allow == ()


def test_a_connection_that_is_assigned_is_shown() -> None:
    explorer = dbx.explore()
    explorer.page = "Export"
    config = dbx.ConnectionConfig(name="ours", settings=dbx.ConnectionSettings(URL), description="d")
    explorer.config = config
    assert explorer.config == config
    assert explorer.connect_form._url.value == URL
    assert explorer.export_panel._name.value == "ours"
    assert explorer.export_panel.text() == config.to_yaml()


def test_a_bad_pattern_assigned_in_python_keeps_the_last_good_preview(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    good = explorer.preview
    explorer.filters = dbx.Filters(tables=dbx.Patterns(["("]))
    assert explorer.preview is good
    assert "is not a regular expression" in shown(explorer)
    explorer.filters = dbx.Filters()
    assert "is not a regular expression" not in shown(explorer)


def test_a_catalog_that_cannot_be_judged_is_not_shown_with_the_verdicts_on_another(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog, dbx.ConnectionSettings(URL))
    explorer.filters = dbx.Filters(tables=dbx.Patterns(["("]))
    assert explorer.preview.catalog is catalog
    explorer.catalog = dbx.Catalog.from_frame(catalog.objects.head(2))
    assert explorer.preview is None
    assert "not a regular expression" in shown(explorer)
    explorer.filters = dbx.Filters()
    assert explorer.preview.catalog is explorer.catalog


def test_it_says_where_the_catalog_is_from_and_warns_of_another_workspace(catalog: dbx.Catalog) -> None:
    taken = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    origin = dbx.Provenance(workspace_url=URL, identity="<b>ada</b>", taken_at=taken)
    explorer = dbx.explore(dbx.Catalog(catalog.objects, catalog.failures, origin), dbx.ConnectionSettings(URL))
    said = shown(explorer.origin_line)
    assert f"Snapshot of {URL} · as &lt;b&gt;ada&lt;/b&gt; · 2026-03-04 05:06 UTC" in said
    assert "points to" not in said
    explorer.settings = dbx.ConnectionSettings("https://dbc-9999abcd-0000.cloud.databricks.com")
    assert "the connection points to https://dbc-9999abcd-0000" in shown(explorer.origin_line)
    explorer.settings = None
    assert "points to" not in shown(explorer.origin_line)


def test_a_discovery_opens_the_second_tab(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore()
    assert explorer.page == "Connect"
    explorer.state.catalog = catalog
    assert explorer.catalog is catalog
    assert explorer.page == "Browse and filter"


def test_what_is_ticked_becomes_patterns_that_can_be_undone(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    tree = explorer.catalog_pane.tree
    model = tree._model
    assert isinstance(model, TreeModel)
    model.tick(model.tree.find(("schema", "prod", "gold")), on=True)
    model.tick(model.tree.find(("table", "prod", "gold", "t03")), on=False)
    tree._report(ticks=True)
    assert explorer.state.ticked_text == "24 tables, 1 view"
    explorer.suggest_panel._write.click()
    assert explorer.suggest_panel.wait(30)
    assert explorer.filters == dbx.Filters()  # only looked at so far
    chosen = explorer.state.ticked.flags
    explorer.suggest_panel._apply.click()
    assert not model.ticks.any()
    assert tree.reply["status"]["ticked"] == ""
    included = explorer.preview.included & catalog.objects["kind"].isin(["table", "view", "notebook"])
    ticked = chosen & catalog.objects["kind"].isin(["table", "view", "notebook"])
    included &= catalog.objects["kind"] != "notebook"  # none was ticked
    assert catalog.objects["full_name"][included].tolist() == catalog.objects["full_name"][ticked].tolist()
    assert explorer.config is None  # there is no workspace yet
    explorer.undo_buttons.children[0].children[0].click()
    assert explorer.filters == dbx.Filters()


def test_the_last_edit_can_be_looked_at_in_the_tree(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    tree = explorer.catalog_pane.tree
    assert tree.reply["status"]["can_show_changed"] is False
    explorer.filters = dbx.Filters(tables=dbx.Patterns([".*"], [".*t03"]))
    assert explorer.state.changed.flags.sum() == 2
    assert tree.reply["status"]["can_show_changed"] is True
    tree._model.show_only("changed")
    tree._model.open_all(is_open=True)
    assert [row["name"] for row in tree._model.window(0, 9)] == ["prod", "gold", "t03", "tmp", "t03"]


def test_a_click_in_the_coverage_picture_opens_that_place_in_the_tree(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    explorer.page = "Coverage"
    assert explorer.coverage_panel.active
    explorer.coverage_panel.place = ("prod", "tmp")
    assert explorer.page == "Browse and filter"
    assert not explorer.coverage_panel.active
    reply = explorer.catalog_pane.tree.reply
    assert reply["rows"][reply["focus"] - reply["start"]]["name"] == "tmp"


def test_it_opens_where_a_saved_catalog_and_an_exported_connection_left_off(
    catalog: dbx.Catalog, tmp_path: Path
) -> None:
    filters = dbx.Filters(tables=dbx.Patterns(["^(?:prod\\.gold\\..*)$"]))
    config = dbx.ConnectionConfig(
        name="ours", settings=dbx.ConnectionSettings(URL), filters=filters, dialect=dbx.Dialect.STRICT, description="d"
    )
    config.save(tmp_path / "ours.yaml")
    catalog.save(tmp_path / "catalog.parquet")
    explorer = dbx.explore(str(tmp_path / "catalog.parquet"), config=tmp_path / "ours.yaml")
    assert explorer.config == config
    assert explorer.preview.counts().equals(filters.preview(catalog, dbx.Dialect.STRICT).counts())
    assert explorer.page == "Browse and filter"
    with pytest.raises(errors.CatalogError, match="no such"):
        dbx.explore(tmp_path / "no such.parquet")


def test_what_is_read_only_shows_a_connection_against_a_catalog_and_changes_nothing(catalog: dbx.Catalog) -> None:
    config = dbx.ConnectionConfig(name="ours", settings=dbx.ConnectionSettings(URL))
    explorer = dbx.explore(catalog, config=config, read_only=True)
    assert explorer.pages == ("Browse and filter", "Coverage", "Access", "Export")
    assert explorer.catalog_pane.tree.reply["status"]["read_only"] is True
    assert explorer.state.read_only
    assert explorer.config == config
    with pytest.raises(errors.ConfigError, match="needs a catalog"):
        dbx.explore(config=config, read_only=True)


def test_what_becomes_read_only_later_has_no_page_to_connect_either(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(settings=dbx.ConnectionSettings(URL))
    explorer.read_only = True
    assert explorer.pages == ("Browse and filter", "Coverage", "Access", "Export")
    assert explorer.page == "Browse and filter"
    explorer.page = "Export"
    explorer.read_only = False
    assert explorer.page == "Export"
    explorer.catalog = catalog
    assert explorer.page == "Export"


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_cell", lambda: "cell-1")
    monkeypatch.setattr(opening, "_opened", {})


@pytest.mark.usefixtures("cell")
def test_a_cell_that_is_run_again_shows_the_explorer_as_it_was_left(catalog: dbx.Catalog) -> None:
    def run(**arguments: object) -> dbx.widgets.Explorer:
        return dbx.explore(settings=dbx.ConnectionSettings(URL), **arguments)

    explorer = run()
    explorer.filters = dbx.Filters(tables=dbx.Patterns(["^prod"]))
    explorer.catalog = catalog
    assert run() is explorer
    other = dbx.Catalog.from_frame(catalog.objects)
    assert run(catalog=other) is explorer
    assert explorer.catalog is other
    assert explorer.filters.tables.allow == ("^prod",)
    assert run(catalog=other, dialect=dbx.Dialect.STRICT) is not explorer
    again = run(catalog=other, dialect=dbx.Dialect.STRICT)
    assert run(catalog=other, dialect=dbx.Dialect.STRICT, fresh=True) is not again


@pytest.mark.usefixtures("cell")
def test_a_cell_with_a_path_reads_it_again_only_when_it_has_changed(catalog: dbx.Catalog, tmp_path: Path) -> None:
    path = tmp_path / "monday.parquet"
    catalog.save(path)
    explorer = dbx.explore(path)
    found = explorer.catalog
    assert dbx.explore(str(path)).catalog is found
    explorer.filters = dbx.Filters(tables=dbx.Patterns(["^prod"]))
    path.rename(tmp_path / "away")
    with pytest.raises(errors.CatalogError):
        dbx.explore(path)
    dbx.Catalog.from_frame(catalog.objects.head(1)).save(path)
    assert dbx.explore(path) is explorer
    assert len(explorer.catalog) == 1
    assert explorer.filters.tables.allow == ("^prod",)


@pytest.mark.usefixtures("cell")
@pytest.mark.parametrize("read_only", [False, True])
def test_a_cell_that_is_run_again_shows_what_has_changed_in_the_file_of_the_connection(
    catalog: dbx.Catalog, tmp_path: Path, *, read_only: bool
) -> None:
    file, settings = tmp_path / "c.yaml", dbx.ConnectionSettings(URL)
    dbx.ConnectionConfig(name="ours", settings=settings).save(file)
    explorer = dbx.explore(catalog, config=str(file), read_only=read_only)
    assert dbx.explore(catalog, config=str(file), read_only=read_only) is explorer
    prod = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))
    dbx.ConnectionConfig(name="ours", settings=settings, filters=prod).save(file)
    assert dbx.explore(catalog, config=str(file), read_only=read_only) is explorer
    assert explorer.filters == prod
    assert explorer.preview.included.equals(prod.preview(catalog).included)


@pytest.mark.usefixtures("cell")
def test_edits_are_not_lost_where_the_file_of_the_connection_has_changed(catalog: dbx.Catalog, tmp_path: Path) -> None:
    file, settings = tmp_path / "c.yaml", dbx.ConnectionSettings(URL)
    dbx.ConnectionConfig(name="ours", settings=settings).save(file)
    explorer = dbx.explore(catalog, config=file)
    mine, theirs = (dbx.Filters(catalogs=dbx.Patterns([text])) for text in ("^mine$", "^theirs$"))
    explorer.filters = mine
    explorer.state.description = "mine"
    dbx.explore(catalog, config=file)
    assert explorer.filters == mine
    dbx.ConnectionConfig(name="ours", settings=settings, filters=theirs).save(file)
    dbx.explore(catalog, config=file)
    assert (explorer.filters, explorer.state.description) == (theirs, "mine")
    explorer.state.undo()
    assert explorer.filters == mine


def test_a_preview_cannot_be_assigned_and_a_connection_only_as_a_whole(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog, dbx.ConnectionSettings(URL))
    before = explorer.preview
    with pytest.raises(traitlets.TraitError, match=r"^preview cannot be assigned, because it is computed"):
        explorer.preview = dbx.Filters(tables=dbx.Patterns([])).preview(catalog)
    with pytest.raises(traitlets.TraitError, match=r"^config takes a ConnectionConfig, not NoneType"):
        explorer.config = None
    assert explorer.preview is before


def test_two_calls_in_a_cell_are_two_explorers_and_so_when_it_is_run_again(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_opened", {})
    request = {"metadata": {"cellId": "cell-1"}, "header": {"msg_id": "1"}}
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace(get_parent=lambda: request))
    first, second = dbx.explore(catalog), dbx.explore()
    assert first is not second
    request["header"] = {"msg_id": "2"}
    assert (dbx.explore(catalog), dbx.explore()) == (first, second)


@pytest.mark.usefixtures("cell")
def test_only_the_last_cells_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        monkeypatch.setattr(opening, "_cell", lambda number=number: f"cell-{number}")
        dbx.explore()
    assert list(opening._opened) == [f"cell-{number}" for number in range(4, 12)]


def test_outside_a_notebook_each_call_gives_a_new_one() -> None:
    assert dbx.explore() is not dbx.explore()


# --- where the tree cannot be shown ---


class Loop:
    """A loop that runs what it was asked to run when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[object] = []

    def call_soon_threadsafe(self, callback: Callable[..., object], *arguments: object) -> None:
        callback(*arguments)

    def call_later(self, _seconds: float, callback: object) -> None:
        self.waiting.append(callback)

    def turn(self, times: int) -> None:
        for _ in range(times):
            waiting, self.waiting = self.waiting, []
            for callback in waiting:
                callback()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    running, clock = Loop(), iter(range(10_000))
    monkeypatch.setattr("asyncio.get_running_loop", lambda: running)
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))  # a second between any two looks
    return running


def test_the_plainer_browser_takes_over_where_no_page_shows_the_tree_and_says_so_once(
    catalog: dbx.Catalog, loop: Loop
) -> None:
    explorer = dbx.explore(catalog)
    explorer._displayed()
    explorer._displayed()  # shown twice, waited for once
    assert len(loop.waiting) == 1
    pane = explorer.catalog_pane
    loop.turn(7)
    assert pane.tree in pane.children
    loop.turn(2)
    assert loop.waiting == []
    assert pane.browser in pane.children
    assert pane.tree not in pane.children
    assert shown(pane).count("catalog tree is unavailable") == 1
    pane.browser._on_row(1)
    assert explorer.state.selected == 1
    explorer.filters = dbx.Filters(schemas=dbx.Patterns([]))
    assert "✗ excluded" in shown(pane)
    pane.reveal("prod", "tmp")
    assert pane.browser.path == ("prod", "tmp")
    # A page that was only slow gets its tree.
    pane.tree.request = {"session": "late", "intents": [{"seq": 1, "type": "hello"}]}
    assert pane.tree in pane.children
    assert "cannot show" not in shown(pane)


def test_a_page_that_shows_the_tree_is_not_waited_for(catalog: dbx.Catalog, loop: Loop) -> None:
    explorer = dbx.explore(catalog)
    explorer._displayed()
    explorer.catalog_pane.tree.request = {"session": "page", "intents": [{"seq": 1, "type": "hello"}]}
    loop.turn(20)
    assert loop.waiting == []
    assert explorer.catalog_pane.browser is None


def test_a_kernel_that_runs_other_cells_is_waited_for(
    catalog: dbx.Catalog, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = iter(range(10_000))
    monkeypatch.setattr("dbxexplore.widgets.browse.pane._cells_executed", lambda: next(cells))
    explorer = dbx.explore(catalog)
    explorer._displayed()
    loop.turn(30)
    assert explorer.catalog_pane.browser is None


def test_without_anywidget_the_plainer_browser_is_used_from_the_start(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbxexplore.widgets.browse.pane.CatalogTree", None)
    explorer = dbx.explore(catalog)
    pane = explorer.catalog_pane
    assert pane.tree is None
    assert "prod" in [row._name.description for row in pane.browser._rows]
    assert "catalog tree is unavailable" in shown(pane)
    explorer._displayed()
    assert explorer.state.ticked is None
