"""The Hive metastore of a workspace: listed where it is asked for, and never taken for empty where it is not."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from simulator import Catalog, Faults, Schema, Simulator, Table, Workspace, truth_of
from simulator.server import TOKEN

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.cli import main
from dbxexplore.discovery import retry, statements, warehouse

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
HIVE = "hive_metastore"


@pytest.fixture(autouse=True)
def _setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(statements, "_POLLS", (0.01,))
    monkeypatch.setattr(warehouse, "_POLL", 0.01)


def workspace() -> Workspace:
    return Workspace(
        [Catalog("main", [Schema("s", [Table("t")])])],
        warehouses={"running01": "RUNNING", "stopped01": "STOPPED"},
        hive=[
            Schema("default", [Table("orders"), Table("recent orders", "VIEW")]),
            Schema("back`tick", [Table("a.b")]),
            Schema("empty"),
        ],
    )


def discover(simulator: Simulator, warehouse: str | None = "running01", **options: Any) -> dbx.Catalog:
    settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse_id=warehouse)
    return dbx.discover(settings, **options)


def failures(catalog: dbx.Catalog) -> set[tuple[str, str]]:
    return set(catalog.failures[["scope", "reason"]].astype(object).itertuples(index=False, name=None))


@pytest.mark.parametrize("strategy", ["rest", "sql"])
@pytest.mark.parametrize("depth", ["summary", "columns"])
@pytest.mark.parametrize("faults", [{}, {"statement_polls": 2, "chunk_length": 1}])
def test_it_is_listed_on_request(strategy: str, depth: str, faults: Any) -> None:
    with Simulator(workspace(), Faults(**faults)) as simulator:
        catalog = discover(simulator, strategy=strategy, depth=depth, hive_metastore=True)
        assert truth_of(catalog) == simulator.workspace.truth() | set(simulator.workspace.hive_objects())
    assert catalog.complete
    assert "hive_metastore was listed through the SQL warehouse running01, by names alone." in catalog.provenance.notes
    assert not any("was not looked at" in note for note in catalog.provenance.notes)


@pytest.mark.parametrize("strategy", ["rest", "sql"])
def test_a_warehouse_that_rests_is_started_once(strategy: str) -> None:
    with Simulator(workspace()) as simulator:
        catalog = discover(simulator, "stopped01", strategy=strategy, hive_metastore=True)
        assert simulator.record.paths["/api/2.0/sql/warehouses/stopped01/start"] == 1
        assert truth_of(catalog) == simulator.workspace.truth() | set(simulator.workspace.hive_objects())
    assert any("was not running and was started" in note for note in catalog.provenance.notes)


def test_to_name_it_asks_for_it() -> None:
    with Simulator(workspace()) as simulator:
        catalog = discover(simulator, catalogs=[HIVE], notebooks=False)
        both = discover(simulator, catalogs=[HIVE, "main"], notebooks=False)
        assert truth_of(catalog) == set(simulator.workspace.hive_objects())
        assert truth_of(both) == simulator.workspace.truth() | set(simulator.workspace.hive_objects())
    assert catalog.complete
    assert both.complete


def test_to_name_it_without_a_warehouse_is_a_failure() -> None:
    with Simulator(workspace()) as simulator:
        catalog = discover(simulator, None, catalogs=[HIVE, "main"], notebooks=False)
        assert truth_of(catalog) == simulator.workspace.truth()
    assert failures(catalog) == {(HIVE, "error")}
    assert "SQL warehouse" in catalog.failures["message"][0]


@pytest.mark.parametrize("warehouse", [None, "running01"])
@pytest.mark.parametrize("depth", ["summary", "details"])
def test_where_nobody_asks_for_it_a_note_says_that_it_was_not_looked_at(warehouse: Any, depth: str) -> None:
    with Simulator(workspace()) as simulator:
        catalog = discover(simulator, warehouse, depth=depth)
        assert truth_of(catalog) == simulator.workspace.truth(), "it is not there as an empty catalog"
        assert not simulator.record.scopes[HIVE]
    assert catalog.complete
    assert any(note.startswith("hive_metastore was not looked at") for note in catalog.provenance.notes)


def test_a_workspace_without_one_is_not_told_of_it() -> None:
    with Simulator(Workspace([Catalog("main")])) as simulator:
        assert not any(HIVE in note for note in discover(simulator, None).provenance.notes)


def test_what_cannot_be_listed_of_it_is_a_failure() -> None:
    fails = {"SHOW VIEWS IN `hive_metastore`.`default`": "no USAGE", "TABLES IN `hive_metastore`.`back``tick`": "gone"}
    with Simulator(workspace(), Faults(statement_fails=fails)) as simulator:
        catalog = discover(simulator, hive_metastore=True)
    assert failures(catalog) == {(f"{HIVE}.default", "error"), (f"{HIVE}.back`tick", "error")}
    assert f"{HIVE}.default.orders" in set(catalog.objects["full_name"])


@pytest.mark.parametrize(
    ("warehouse", "faults", "reason"),
    [
        ("running01", {"statement_fails": {"SHOW SCHEMAS": "no such catalog"}}, "error"),
        ("running01", {"denied": {"/api/2.0/sql/warehouses/running01"}}, "denied"),
        ("running01", {"denied": {"/api/2.0/sql/statements"}}, "denied"),
        ("nowhere", {}, "error"),
    ],
)
@pytest.mark.parametrize("strategy", ["rest", "sql"])
def test_a_warehouse_that_does_not_answer_is_a_failure(strategy: str, warehouse: str, faults: Any, reason: str) -> None:
    with Simulator(workspace(), Faults(**faults)) as simulator:
        catalog = discover(simulator, warehouse, strategy=strategy, hive_metastore=True)
        assert truth_of(catalog) >= simulator.workspace.truth()
    assert failures(catalog) == {(HIVE, reason)}


@pytest.mark.parametrize(
    ("options", "said"), [({"hive_metastore": True}, "no SQL warehouse"), ({"hive_metastore": "yes"}, "True or False")]
)
def test_what_is_refused_before_the_first_call(options: Any, said: str) -> None:
    with Simulator(workspace()) as simulator:
        with pytest.raises(errors.SettingsError, match=said):
            discover(simulator, None, **options)
        assert simulator.record.total == 0


def test_a_checkpoint_is_of_one_request(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    cancel = threading.Event()
    cancel.set()
    with Simulator(workspace()) as simulator:
        discover(simulator, checkpoint=path, strategy="rest", cancel=cancel)
        with pytest.raises(errors.CatalogError, match="hive_metastore is False there and True here"):
            discover(simulator, checkpoint=path, strategy="rest", hive_metastore=True)


def test_the_command_line_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Simulator(workspace()) as simulator:
        connection = ["--url", simulator.url, "--token-env-var", VARIABLE, "--warehouse-id", "running01"]
        with pytest.raises(SystemExit) as exited:
            main(["discover", *connection, "--hive-metastore", "--json"])
    assert not exited.value.code
    names = {row["full_name"] for row in json.loads(capsys.readouterr().out)["objects"]}
    assert "hive_metastore.default.orders" in names
