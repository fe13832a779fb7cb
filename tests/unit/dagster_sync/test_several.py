"""Several connections in one project: keys that two of them have, and lineage that leads from one to another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
import yaml
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.dagster_sync import DatabricksConnectionComponent
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage
from dbxexplore.discovery.state import State

MakeConfig = Callable[..., dbx.ConnectionConfig]
MakeCatalog = Callable[..., dbx.Catalog]

URL = "https://adb-1.azuredatabricks.net"
SAME_KEY = {"translation": {"key": "{{ row.full_name }}"}}


def attributes(config: dbx.ConnectionConfig, **others: Any) -> dict[str, Any]:
    return {"connection": config.model_dump(mode="json", exclude_none=True), **others}


def lineage(*edges: tuple[str, str]) -> Lineage:
    """Lineage of tables, and of a column ``id`` of each, by their names in ``prod.gold``."""
    rows = [("prod", "gold", source, "prod", "gold", target) for source, target in edges]
    tables = pa.Table.from_pylist([dict(zip(TABLE_LINEAGE.names, row, strict=True)) for row in rows], TABLE_LINEAGE)
    columns = [dict(zip(COLUMN_LINEAGE.names, (*row, "id", "id"), strict=True)) for row in rows]
    return Lineage(tables, pa.Table.from_pylist(columns, COLUMN_LINEAGE))


@pytest.fixture
def orders(make_catalog: MakeCatalog) -> dbx.Catalog:
    catalog = make_catalog(*(("table", "prod", "gold", name) for name in ("orders", "daily", "weekly")))
    return dbx.Catalog(catalog.objects, catalog.failures, dbx.Provenance(workspace_url=URL))


@pytest.fixture
def config(make_config: MakeConfig) -> Callable[..., dbx.ConnectionConfig]:
    def make(name: str, *tables: str, url: str = URL) -> dbx.ConnectionConfig:
        filters = dbx.Filters(tables=dbx.Patterns([f".*\\.{table}$" for table in tables] or [".*"]))
        return make_config(name=name, filters=filters, settings=dbx.ConnectionSettings(url, warehouse_id="a1"))

    return make


@contextmanager
def project(
    documents: Mapping[str, list[dict[str, Any]]], states: Mapping[str, State], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DefsFolderSandbox]:
    """A project with a folder of components per entry, each with the state of its connection."""

    def store(self: DatabricksConnectionComponent, path: Path) -> None:
        states[self.config.name].save(path)

    monkeypatch.setattr(DatabricksConnectionComponent, "write_state_to_path", store)
    with create_defs_folder_sandbox() as sandbox:
        for folder in documents:
            (sandbox.scaffold_component(DatabricksConnectionComponent, folder) / "connection.yaml").unlink()
        write(sandbox, documents)
        yield sandbox


def write(sandbox: DefsFolderSandbox, documents: Mapping[str, list[dict[str, Any]]]) -> None:
    for folder, each in documents.items():
        kind = "dbxexplore.dagster_sync.DatabricksConnectionComponent"
        texts = yaml.safe_dump_all([{"type": kind, "attributes": one} for one in each])
        (sandbox.defs_folder_path / folder / "defs.yaml").write_text(texts)


def store(sandbox: DefsFolderSandbox, documents: Mapping[str, list[dict[str, Any]]]) -> None:
    with sandbox.build_component_tree():
        for one in (one for each in documents.values() for one in each):
            component = DatabricksConnectionComponent(connection=one["connection"])
            asyncio.run(component.refresh_state(sandbox.project_root))


def dependencies(defs: dg.Definitions) -> dict[str, list[str]]:
    graph = defs.resolve_asset_graph()
    return {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in sorted(graph.get_all_asset_keys(), key=str)
    }


@pytest.mark.parametrize("is_one_file", [False, True])
def test_lineage_leads_from_one_connection_to_another(
    config: Callable[..., dbx.ConnectionConfig],
    orders: dbx.Catalog,
    monkeypatch: pytest.MonkeyPatch,
    is_one_file: bool,
) -> None:
    # In a circle over both, which Dagster would refuse.
    state = State(orders, lineage=lineage(("orders", "daily"), ("daily", "weekly"), ("weekly", "orders")))
    raw, reports = attributes(config("raw", "orders")), attributes(config("reports", "daily", "weekly"))
    documents = {"both": [raw, reports]} if is_one_file else {"raw": [raw], "reports": [reports]}
    with project(documents, {"raw": state, "reports": state}, monkeypatch) as sandbox:
        store(sandbox, documents)
        with sandbox.build_all_defs() as defs:
            found = dependencies(defs)
            metadata = {spec.key: spec.metadata for spec in defs.resolve_all_asset_specs()}
    table = "/prod/gold/"
    assert found[f"reports{table}weekly"] == [f"reports{table}daily"]
    circle = [
        found[f"reports{table}daily"] == [f"raw{table}orders"],
        found[f"raw{table}orders"] == [f"reports{table}weekly"],
    ]
    assert any(circle)
    assert not all(circle)
    assert not any("dbxexplore/upstream_outside" in held for held in metadata.values())


def test_tables_of_another_workspace_are_others(
    config: Callable[..., dbx.ConnectionConfig], orders: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = dbx.Catalog(
        orders.objects, orders.failures, dbx.Provenance(workspace_url="https://adb-2.azuredatabricks.net")
    )
    raw, reports = config("raw", "orders", url="https://adb-2.azuredatabricks.net"), config("reports", "daily")
    documents = {"raw": [attributes(raw)], "reports": [attributes(reports)]}
    states = {"raw": State(elsewhere), "reports": State(orders, lineage=lineage(("orders", "daily")))}
    with project(documents, states, monkeypatch) as sandbox:
        store(sandbox, documents)
        with sandbox.build_all_defs() as defs:
            assert dependencies(defs) == {"raw/prod/gold/orders": [], "reports/prod/gold/daily": []}


def test_two_connections_may_hold_the_same_table(
    config: Callable[..., dbx.ConnectionConfig], orders: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {name: [attributes(config(name, "orders"))] for name in ("a", "b")}
    with project(documents, {name: State(orders) for name in "ab"}, monkeypatch) as sandbox:
        store(sandbox, documents)
        with sandbox.build_all_defs() as defs:
            assert set(dependencies(defs)) == {"a/prod/gold/orders", "b/prod/gold/orders"}


def test_a_key_that_another_connection_has_is_one_error_that_names_both(
    config: Callable[..., dbx.ConnectionConfig], orders: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {name: [attributes(config(name, "orders"), **SAME_KEY)] for name in ("a", "b")}
    with project(documents, {name: State(orders) for name in "ab"}, monkeypatch) as sandbox:
        store(sandbox, documents)
        with pytest.raises(ComponentTreeException) as caught, sandbox.build_all_defs():
            pass
    cause = caught.value.__cause__
    assert isinstance(cause, errors.ConfigError)
    assert str(cause) == (
        "key 'attributes': table 'prod.gold.orders' of the connection 'b' has the asset key ['prod.gold.orders'], which "
        "table 'prod.gold.orders' of the connection 'a' has already. Expected a key of its own. Exclude one of them by a "
        "filter, give it another key, or set on_collision: skip."
    )


def test_a_key_that_another_connection_has_can_be_skipped(
    config: Callable[..., dbx.ConnectionConfig],
    orders: dbx.Catalog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, b = config("a", "orders"), config("b", "orders", "daily")
    documents = {"a": [attributes(a, **SAME_KEY)], "b": [attributes(b, **SAME_KEY, on_collision="skip")]}
    with project(documents, {name: State(orders) for name in "ab"}, monkeypatch) as sandbox:
        store(sandbox, documents)
        with sandbox.build_all_defs() as defs:
            assert set(dependencies(defs)) == {"prod.gold.orders", "prod.gold.daily"}
    assert "has already. It is left out." in caplog.text


@pytest.mark.parametrize("is_one_file", [False, True])
def test_two_connections_of_one_name_are_refused(
    config: Callable[..., dbx.ConnectionConfig],
    orders: dbx.Catalog,
    monkeypatch: pytest.MonkeyPatch,
    is_one_file: bool,
) -> None:
    one = attributes(config("lake"))
    documents = {"both": [one, one]} if is_one_file else {"a": [one], "b": [one]}
    with (
        project(documents, {"lake": State(orders)}, monkeypatch) as sandbox,
        pytest.raises(ComponentTreeException) as caught,
        sandbox.build_all_defs(),
    ):
        pass
    assert "2 connections of this project are called 'lake'" in str(caught.value.__cause__)


OWN = """
import dagster as dg

@dg.asset(key={key}, deps=[dg.AssetDep("source_of_report", metadata={{"dagster/table_name": "prod.gold.{table}"}})])
def own() -> None: ...
"""


def own_asset(sandbox: DefsFolderSandbox, key: list[str], table: str) -> None:
    (sandbox.defs_folder_path / "own.py").write_text(OWN.format(key=key, table=table))


def test_an_own_asset_depends_on_a_table_by_its_name_where_one_connection_has_it(
    config: Callable[..., dbx.ConnectionConfig], orders: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {"a": [attributes(config("a", "orders", "daily"))], "b": [attributes(config("b", "orders"))]}
    with project(documents, {name: State(orders) for name in "ab"}, monkeypatch) as sandbox:
        store(sandbox, documents)
        own_asset(sandbox, ["report"], "daily")
        with sandbox.build_all_defs() as defs:
            assert dependencies(defs)["report"] == ["a/prod/gold/daily"]
        own_asset(sandbox, ["report"], "orders")  # which both have
        refused = pytest.raises(
            dg.DagsterInvalidDefinitionError, match='Multiple upstream assets found with table name "prod'
        )
        with sandbox.build_all_defs() as defs, refused:
            dependencies(defs)


def test_an_own_asset_under_a_synced_key_takes_its_place_once_the_table_is_left_out(
    config: Callable[..., dbx.ConnectionConfig], orders: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {"a": [attributes(config("a", "orders", "daily"))], "b": [attributes(config("b", "weekly"))]}
    state = State(orders, lineage=lineage(("orders", "daily")))
    key = "a/prod/gold/orders"
    with project(documents, dict.fromkeys("ab", state), monkeypatch) as sandbox:
        store(sandbox, documents)
        own_asset(sandbox, key.split("/"), "weekly")
        # Dagster's own words: it merges the definitions of a project after each component has made its own.
        refused = pytest.raises(
            dg.DagsterInvalidDefinitionError, match=re.escape(f"Duplicate asset key: AssetKey({key.split('/')})")
        )
        with sandbox.build_all_defs() as defs, refused:
            dependencies(defs)
        documents["a"] = [attributes(config("a", "daily"))]
        write(sandbox, documents)
        with sandbox.build_all_defs() as defs:
            assert dependencies(defs)[key] == ["b/prod/gold/weekly"]
