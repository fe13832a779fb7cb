"""A large discovery that is shown while it runs: nothing unknown is called empty, and nothing the user did is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from simulator import Faults
from simulator.process import SimulatorProcess

import dbxexplore as dbx
from dbxexplore.discovery import partials
from dbxexplore.widgets import Explorer
from dbxexplore.widgets.browse.tree import CatalogTree

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
SIZES = {"catalogs": 20, "schemas": 50, "tables": 100}
FAULTS = Faults(
    latency=0.02,
    rate_429=0.01,
    rate_503=0.005,
    rate_reset=0.005,
    denied={"catalog_003", "catalog_004.schema_0007"},
    retry_after=0,
)


@pytest.fixture(scope="module")
def settings() -> Iterator[dbx.ConnectionSettings]:
    with pytest.MonkeyPatch.context() as environment, SimulatorProcess(FAULTS, **SIZES) as simulator:
        environment.setenv(VARIABLE, simulator.token)
        yield dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "_LEAST", 0.1)


def names(catalog: dbx.Catalog) -> set[str]:
    return set(catalog.objects["full_name"])


def tables_of(catalog: dbx.Catalog) -> dict[str, int]:
    """How many tables and views each schema has, by its full name."""
    objects = catalog.objects
    schemas = objects.loc[objects["kind"] == "schema", "full_name"]
    held = objects[objects["kind"].isin(["table", "view"])]
    number = (held["catalog"].astype(str) + "." + held["schema"].astype(str)).value_counts()
    return {str(name): int(number.get(name, 0)) for name in schemas}


def test_what_is_not_listed_yet_is_pending_and_never_empty(settings: dbx.ConnectionSettings) -> None:
    given: list[dbx.Catalog] = []
    catalog = dbx.discover(settings, depth="details", partial=given.append)
    assert len(catalog) > 90_000
    assert not catalog.in_progress
    assert len(given) >= 3
    every = tables_of(catalog)
    for earlier, partial in zip([None, *given], given, strict=False):
        assert partial.in_progress
        assert partial.provenance.workspace_url == settings.workspace_url
        assert names(partial) < names(catalog)
        assert earlier is None or names(earlier) < names(partial)
        reasons = partial.reasons()
        for schema, number in tables_of(partial).items():
            assert number == every[schema] or schema in reasons or schema.partition(".")[0] in reasons
    without = dbx.discover(settings, depth="details")
    pd.testing.assert_frame_equal(catalog.objects, without.objects)
    pd.testing.assert_frame_equal(catalog.failures, without.failures)


class Watcher:
    """Uses the tree at the first catalog that has a schema with tables, as a person would."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        tree = explorer.catalog_pane.tree
        assert isinstance(tree, CatalogTree)
        self.tree = tree
        self.catalogs: list[dbx.Catalog] = []
        self.selected = ""
        explorer.state.observe(self._on_catalog, "catalog")

    def ask(self, **intent: Any) -> None:
        self._seq = getattr(self, "_seq", 0) + 1
        self.tree.request = {"session": "page", "intents": [{"seq": self._seq, **intent}]}

    def rows(self) -> list[dict[str, Any]]:
        self.ask(type="window", start=0, count=200)
        return list(self.tree.reply["rows"])

    def row(self, name: str) -> dict[str, Any]:
        return next(row for row in self.rows() if row["name"] == name)

    def _on_catalog(self, _change: object) -> None:
        catalog = self.explorer.catalog
        assert catalog is not None
        self.catalogs.append(catalog)
        tables = catalog.objects[catalog.objects["kind"] == "table"]
        if self.selected or not len(tables):
            return
        place = tables.iloc[0]
        self.tree.reveal(place["catalog"], place["schema"])
        row = self.row(place["name"])
        self.ask(type="select", id=row["id"])
        self.ask(type="tick", id=self.row(place["catalog"])["id"], on=True)
        self.selected = place["full_name"]


def test_what_the_user_does_meanwhile_is_kept(settings: dbx.ConnectionSettings) -> None:
    explorer = Explorer(settings=settings)
    watcher = Watcher(explorer)
    explorer.discover_panel._depth.value = "details"
    explorer.discover_panel._start.click()
    assert explorer.discover_panel.task.wait(120)

    catalog, state = explorer.catalog, explorer.state
    assert catalog is not None
    assert len(watcher.catalogs) >= 3
    assert all(earlier.in_progress for earlier in watcher.catalogs[:-1])
    assert not catalog.in_progress
    assert not state.discovering
    assert catalog.objects["full_name"][state.selected] == watcher.selected
    ticked = catalog.objects[state.ticked.flags]
    chosen = watcher.selected.partition(".")[0]
    of_catalog = catalog.objects["full_name"].str.startswith(f"{chosen}.") & (catalog.objects["kind"] != "notebook")
    assert set(ticked["full_name"]) == {chosen, *catalog.objects.loc[of_catalog, "full_name"]}
    assert next(row for row in watcher.rows() if row["name"] == watcher.selected.rpartition(".")[2])["selected"]


def test_cancelled_from_the_header_it_keeps_what_was_found(settings: dbx.ConnectionSettings) -> None:
    explorer = Explorer(settings=settings)
    some = threading.Event()
    explorer.state.observe(lambda _: some.set(), "catalog")
    explorer.discover_panel._depth.value = "details"
    explorer.discover_panel._start.click()
    assert some.wait(60)
    assert explorer.progress_line.layout.display is None
    explorer.progress_line._stop.click()
    assert explorer.discover_panel.task.wait(60)
    assert explorer.progress_line.layout.display == "none"
    catalog = explorer.catalog
    assert catalog is not None
    assert "cancelled" in set(catalog.failures["reason"])
    assert not catalog.in_progress
