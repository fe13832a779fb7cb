"""The files panel: what it opens and saves, and what it asks before it replaces anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from widget_markup import markup

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.export.session import Session, load_session, save_session
from dbxexplore.widgets import ExplorerState
from dbxexplore.widgets.browse.tree import CatalogTree
from dbxexplore.widgets.files.panel import FilesPanel

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
SETTINGS = dbx.ConnectionSettings(URL, dbx.TokenAuth("T"), "abc")
PROD = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def panel_at(path: str, state: ExplorerState | None = None) -> FilesPanel:
    panel = FilesPanel(state)
    panel._path.value = path
    return panel


def test_a_session_is_saved_and_opened_whole(catalog: dbx.Catalog) -> None:
    state = ExplorerState(
        catalog=catalog,
        settings=SETTINGS,
        filters=PROD,
        dialect=dbx.Dialect.STRICT,
        cron="half",
        connection_name="ours",
    )
    panel_at("work", state)._save_session.click()
    panel = panel_at("work.dbxsession.json")
    panel._open.click()
    assert panel.state.catalog.objects.equals(catalog.objects)
    for name in ("settings", "filters", "dialect", "cron", "connection_name", "description", "timezone"):
        assert getattr(panel.state, name) == getattr(state, name)


def ticked_in(tree: CatalogTree) -> set[str]:
    state = tree.state
    return set() if state.ticked is None else set(state.catalog.objects["full_name"][state.ticked.flags])


def test_the_selection_is_saved_and_restored(catalog: dbx.Catalog) -> None:
    tree = CatalogTree(ExplorerState(catalog=catalog))
    assert tree._model is not None
    tree._model.search("t0")
    tree._model.tick_shown(on=True)
    tree._model.tick(("catalog", list(tree._model.tree.catalogs).index("prod_mumbai")), on=True)
    tree._report(ticks=True)
    wanted = ticked_in(tree)
    assert "prod.gold.t01" in wanted
    assert "prod.gold.t10" not in wanted
    assert "prod_mumbai" in wanted, "it holds nothing"
    panel_at("work", tree.state)._save_session.click()
    assert json.loads(Path("work.dbxsession.json").read_text())["selection"]["catalogs"]["prod_mumbai"] is True

    other = CatalogTree()
    panel = panel_at("work.dbxsession.json", other.state)
    panel._open.click()
    assert ticked_in(other) == wanted
    assert other.reply["status"]["ticked"] == "20 tables"
    assert (other.state.ticked.flags == tree.state.ticked.flags).all()


@pytest.mark.parametrize("version", [1, 2])
def test_a_session_without_a_selection_removes_that_of_before(catalog: dbx.Catalog, version: int) -> None:
    path = Path("x.dbxsession.json")
    save_session(Session(catalog), path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "dbxexplore_session": version}))
    tree = CatalogTree(ExplorerState(catalog=catalog))
    assert tree._model is not None
    tree._model.tick(("catalog", 0), on=True)
    tree._report(ticks=True)
    panel = panel_at("x.dbxsession.json", tree.state)
    panel._open.click()
    assert ticked_in(tree), "it asks before it replaces the catalog"
    panel._open.click()
    assert panel._message.value == ""
    assert ticked_in(tree) == set()
    assert not tree._model.ticks.any()


@pytest.mark.parametrize("selection", [[], {"catalogs": {}}, {"catalogs": {"prod": 1}, "notebooks": []}])
def test_a_damaged_selection_is_reported(catalog: dbx.Catalog, selection: object) -> None:
    path = Path("x.dbxsession.json")
    save_session(Session(catalog, ticked=np.ones(len(catalog), np.bool_)), path)
    assert json.loads(path.read_text())["selection"]["catalogs"]["prod"] is True
    path.write_text(json.dumps({**json.loads(path.read_text()), "selection": selection}))
    with pytest.raises(errors.ConfigError, match="is damaged"):
        load_session(path)


def test_a_file_is_not_overwritten_by_the_first_click(catalog: dbx.Catalog) -> None:
    panel = panel_at("a.parquet", ExplorerState(catalog=catalog))
    Path("a.parquet").write_text("precious")
    for button in (panel._save_snapshot, panel._save_session):
        button.click()
        assert Path("a.parquet").read_text() == "precious"
        assert "a.parquet already exists" in panel._outcome.value
    panel._save_session.click()
    assert len(dbx.Catalog.load("a.parquet")) == len(catalog)


def test_opening_asks_before_it_replaces_and_undo_restores_the_filters(catalog: dbx.Catalog) -> None:
    other = dbx.Catalog(catalog.objects, catalog.failures, dbx.Provenance(workspace_url="https://other.example"))
    other.save("other.parquet")
    panel = panel_at("other.parquet", ExplorerState(settings=SETTINGS))
    panel._open.click()
    assert panel.state.catalog is None
    assert "The snapshot is from https://other.example, but the connection points to" in panel._outcome.value
    panel._open.click()
    assert len(panel.state.catalog) == len(catalog)
    dbx.ConnectionConfig(name="theirs", settings=SETTINGS, filters=PROD).save("c.yaml")
    mine = panel.state.filters = dbx.Filters(tables=dbx.Patterns(["^a"]))
    panel._path.value = "c.yaml"
    panel._open.click()
    panel._open.click()
    assert panel.state.filters == PROD
    panel.state.undo()
    assert panel.state.filters == mine


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{}", "is not a session"),
        ("[", "is not a session"),
        ('{"dbxexplore_session": 3}', "has version 3 of sessions. Expected version 1 or 2. Upgrade dbxexplore"),
        ('{"dbxexplore_session": "x"}', "has version &#x27;x&#x27; of sessions. Expected version 1 or 2. Save"),
        ('{"dbxexplore_session": 1}', "is damaged"),
    ],
)
def test_a_session_that_cannot_be_opened_changes_nothing(content: str | None, said: str, catalog: dbx.Catalog) -> None:
    if content is not None:
        Path("x.dbxsession.json").write_text(content)
    panel = panel_at("x.dbxsession.json", ExplorerState(catalog=catalog, filters=PROD))
    panel._open.click()
    assert said in panel._message.value
    assert [text for text in markup(panel) if text] == [panel._message.value]
    assert (panel.state.catalog, panel.state.filters) == (catalog, PROD)


def test_a_session_whose_snapshot_is_missing_or_elsewhere_is_refused(catalog: dbx.Catalog) -> None:
    path = Path("x.dbxsession.json")
    save_session(Session(catalog), path)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "snapshot": "../x.parquet"}))
    with pytest.raises(errors.ConfigError, match="is damaged"):
        load_session(path)
    save_session(Session(), path)
    path.write_text(json.dumps({**stored, "snapshot": "gone.parquet"}))
    with pytest.raises(errors.CatalogError):
        load_session(path)


def test_a_secret_is_neither_saved_nor_kept_in_the_field(canary: str) -> None:
    with pytest.raises(errors.ConfigError):
        save_session(Session(description=canary), Path("x.dbxsession.json"))
    assert not Path("x.dbxsession.json").exists()
    panel = panel_at(canary)
    assert panel._path.value == ""


def test_nothing_is_opened_or_saved_in_a_panel_to_read(catalog: dbx.Catalog) -> None:
    panel = panel_at("a", ExplorerState(catalog=catalog, read_only=True))
    for button in (panel._open, panel._save_snapshot, panel._save_session):
        assert button.disabled
        button.click()
    assert list(Path().iterdir()) == []
