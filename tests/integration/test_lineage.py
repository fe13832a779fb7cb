"""Lineage and changes, read through a SQL warehouse: by the parts of names, with few statements, never silently empty."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from simulator import Catalog, Lineage, Schema, Simulator, Table, Workspace
from simulator.workspace import ALTERED

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import statements, warehouse
from dbxexplore.discovery.changes import Change, TableName, count_rows, read_changes, read_columns
from dbxexplore.discovery.lineage import read_lineage
from dbxexplore.discovery.statements import Query
from dbxexplore.discovery.warehouse import SqlWarehouse

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_LINEAGE_TOKEN"
STATEMENTS = "/api/2.0/sql/statements"
EVIL = "`'; DROP CATALOG prod; --"
RAW, SILVER, GOLD = (("prod", schema, "orders") for schema in ("raw", "silver", "gold"))
DOTTED = ("prod", "a.b", "c")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "_POLLS", (0.01,))
    monkeypatch.setattr(warehouse, "_POLL", 0.01)


def lakehouse() -> Workspace:
    columns = (("id", "bigint"), ("amount", "decimal(10,2)"))
    schemas = [Schema(name, [Table("orders", columns=columns, rows=7)]) for name in ("raw", "silver", "gold")]
    schemas.append(Schema("a.b", [Table("c", altered_at=ALTERED + 5), Table("d", altered_at=ALTERED + 5)]))
    schemas.append(Schema(EVIL, [Table(EVIL, rows=3)]))
    return Workspace(
        [Catalog("prod", schemas), Catalog("dev", [Schema("s", [Table("t")])])],
        warehouses={"running01": "RUNNING", "stopped01": "STOPPED"},
        lineage=[
            Lineage(RAW, SILVER, (("id", "id"), ("amount", "total"))),
            Lineage(RAW, SILVER, (("id", "id"),), days_ago=2),  # again
            Lineage(SILVER, GOLD, (("id", "id"),)),
            Lineage(DOTTED, GOLD),
            Lineage(("prod", EVIL, EVIL), ("prod", "a.b", "d")),
            Lineage(("old", "s", "t"), GOLD, days_ago=200),
            Lineage(GOLD, None),  # a read
            Lineage(None, GOLD),  # a write of values
            Lineage(GOLD, ("dev", "s", "t")),
        ],
    )


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Any:
    with Simulator(lakehouse()) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


def settings(simulator: Simulator, warehouse: str | None = "running01") -> dbx.ConnectionSettings:
    return dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse)


def pairs(table: Any) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    return {
        (tuple(row[f"source_{p}"] for p in PARTS), tuple(row[f"target_{p}"] for p in PARTS))
        for row in table.to_pylist()
    }


PARTS = ("catalog", "schema", "name")


# --- lineage ---


def test_lineage_is_read_by_the_parts_of_names_in_two_statements(simulator: Simulator) -> None:
    lineage = read_lineage(settings(simulator))
    assert pairs(lineage.tables) == {
        (RAW, SILVER),
        (SILVER, GOLD),
        (DOTTED, GOLD),
        (("prod", EVIL, EVIL), ("prod", "a.b", "d")),
        (GOLD, ("dev", "s", "t")),
    }
    assert len(lineage.tables) == 5  # once each
    found = {(row["source_column"], row["target_name"], row["target_column"]) for row in lineage.columns.to_pylist()}
    assert found == {("id", "orders", "id"), ("amount", "orders", "total")}
    assert len(lineage.columns) == 3
    assert lineage.problems == ()
    assert lineage.taken_at is not None
    assert len(simulator.api.warehouses.statements) == 2


def test_only_what_is_asked_for(simulator: Simulator) -> None:
    only = read_lineage(settings(simulator), catalogs=["dev", EVIL])
    assert pairs(only.tables) == {(GOLD, ("dev", "s", "t"))}
    assert not any(EVIL in text for text in simulator.api.warehouses.statements)
    assert pairs(read_lineage(settings(simulator), catalogs=[]).tables) == set()
    assert (("old", "s", "t"), GOLD) in pairs(read_lineage(settings(simulator), days=365).tables)
    client = WorkspaceClient(host=simulator.url, token=simulator.token)
    assert len(read_lineage(client, warehouse_id="running01").tables) == 5


@pytest.mark.parametrize("faults", [{"chunk_length": 2}, {"inline_rows": 1, "chunk_length": 2}, {"statement_polls": 3}])
def test_a_large_result_comes_in_parts(simulator: Simulator, faults: dict[str, Any]) -> None:
    for name, value in faults.items():
        setattr(simulator.faults, name, value)
    lineage = read_lineage(settings(simulator))
    assert len(lineage.tables) == 5
    assert lineage.problems == ()


def test_a_warehouse_that_rests_is_started(simulator: Simulator) -> None:
    assert len(read_lineage(settings(simulator, "stopped01")).tables) == 5


@pytest.mark.parametrize(
    ("warehouse", "faults", "said"),
    [
        ("running01", {"statement_fails": {"lineage": "[INSUFFICIENT_PERMISSIONS] no USE SCHEMA"}}, "no USE SCHEMA"),
        ("running01", {"denied": {STATEMENTS}}, "does not allow this"),
        ("nowhere", {}, "No warehouse nowhere"),
        ("stopped01", {"warehouse_polls": 10**6}, "is still starting"),
        ("running01", {"expired_after": 0}, "does not accept the credential"),
        ("running01", {"rows_lost": 1}, "was to have"),
        ("running01", {"ip_blocked": True}, "refuses this machine"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_says_why(
    simulator: Simulator, warehouse: str, faults: dict[str, Any], said: str
) -> None:
    for name, value in faults.items():
        setattr(simulator.faults, name, value)
    lineage = read_lineage(settings(simulator, warehouse), patience=0.1)
    assert lineage.tables is None
    assert lineage.columns is None
    assert said in " ".join(lineage.problems)
    assert simulator.token not in " ".join(lineage.problems)


def test_one_of_the_two_may_be_closed(simulator: Simulator) -> None:
    simulator.faults.statement_fails = {"column_lineage": "[INSUFFICIENT_PERMISSIONS] column_lineage"}
    lineage = read_lineage(settings(simulator))
    assert len(lineage.tables) == 5
    assert lineage.columns is None
    (problem,) = lineage.problems
    assert problem.startswith("system.access.column_lineage could not be read. The SQL warehouse running01 did not")


def test_without_a_warehouse_it_is_refused(simulator: Simulator) -> None:
    with pytest.raises(errors.SettingsError, match="no SQL warehouse"):
        read_lineage(settings(simulator, None))
    with pytest.raises(errors.SettingsError, match="days is 0"):
        read_lineage(settings(simulator), days=0)
    assert simulator.record.total == 0


# --- the SQL of views ---


def test_views_come_with_their_definition_at_depth_columns(simulator: Simulator, tmp_path: Path) -> None:
    tables = simulator.workspace.catalogs[1].schemas[0].tables
    assert isinstance(tables, list)
    tables.append(Table("v", "VIEW", definition="SELECT ```\n1"))
    catalog = dbx.discover(settings(simulator, None), depth="columns", checkpoint=tmp_path / "checkpoint")
    found = catalog.objects.dropna(subset=["definition"])
    assert found[["full_name", "definition"]].to_numpy().tolist() == [["dev.s.v", "SELECT ```\n1"]]
    again = dbx.Catalog.load(catalog.save(tmp_path / "c.parquet"))
    assert again.objects["definition"].equals(catalog.objects["definition"])
    assert "definition" not in dbx.discover(settings(simulator, None), depth="details").objects


# --- changes ---


def test_changes_come_in_order_and_page_by_page(simulator: Simulator) -> None:
    simulator.workspace.change("prod", "gold", "orders", altered_at=ALTERED + 9)
    with SqlWarehouse(settings(simulator)) as warehouse:
        whole = read_changes(warehouse, 0)
        first = read_changes(warehouse, 0, limit=3)
        last = first.changes[-1]
        second = read_changes(warehouse, last.altered_at, last.table, limit=100)
    assert [change.altered_at - ALTERED for change in whole.changes] == [0, 0, 0, 0, 5, 5, 9]
    assert whole.changes[-1] == Change(TableName("prod", "gold", "orders"), ALTERED + 9)
    assert whole.whole
    assert not first.whole
    assert [*first.changes, *second.changes] == whole.changes
    assert whole.now is not None
    assert whole.now > ALTERED


def test_changes_since_a_moment_and_of_some_catalogs(simulator: Simulator) -> None:
    with SqlWarehouse(settings(simulator)) as warehouse:
        assert [change.table.name for change in read_changes(warehouse, ALTERED + 1).changes] == ["c", "d"]
        after = read_changes(warehouse, ALTERED + 5, TableName("prod", "a.b", "c"))
        assert [change.table.name for change in after.changes] == ["d"]
        nothing = read_changes(warehouse, ALTERED + 6)
        assert (nothing.changes, nothing.now, nothing.whole) == ([], None, True)
        assert {c.table.catalog for c in read_changes(warehouse, 0, catalogs=["dev"]).changes} == {"dev"}
        assert read_changes(warehouse, 0, catalogs=[]).changes == []


def test_columns_of_some_tables(simulator: Simulator) -> None:
    wanted = [TableName(*RAW), TableName("prod", EVIL, EVIL), TableName("prod", "raw", "no such table")]
    with SqlWarehouse(settings(simulator)) as warehouse:
        found = read_columns(warehouse, wanted)
        assert read_columns(warehouse, []) == {}
    assert set(found) == set(wanted)
    assert found[wanted[2]] == []
    assert [(column["name"], column["type"], column["nullable"]) for column in found[wanted[0]]] == [
        ("id", "bigint", False),
        ("amount", "decimal(10,2)", True),
    ]
    assert not any(EVIL in text for text in simulator.api.warehouses.statements)


def test_rows_are_counted_but_for_tables_that_are_closed(simulator: Simulator) -> None:
    wanted = [TableName(*RAW), TableName("prod", EVIL, EVIL), TableName(*GOLD), TableName(*SILVER)]
    simulator.faults.unreadable = frozenset({"prod.gold.orders"})
    with SqlWarehouse(settings(simulator)) as warehouse:
        assert count_rows(warehouse, wanted) == {wanted[0]: 7, wanted[1]: 3, wanted[3]: 7}
        assert count_rows(warehouse, []) == {}


def test_counting_gives_up_where_everything_is_closed(simulator: Simulator) -> None:
    tables = [Table(f"t{at}") for at in range(500)]
    simulator.workspace.catalogs[0].schemas.append(Schema("many", tables))  # type: ignore[attr-defined]
    simulator.faults.unreadable = frozenset(f"prod.many.t{at}" for at in range(500))
    with SqlWarehouse(settings(simulator)) as warehouse:
        assert count_rows(warehouse, [TableName("prod", "many", table.name) for table in tables]) == {}
    assert len(simulator.api.warehouses.statements) < 60


def test_a_statement_that_takes_too_long_is_left(simulator: Simulator) -> None:
    simulator.faults.statement_polls = 10**6
    with (
        SqlWarehouse(settings(simulator), deadline=0.3) as warehouse,
        pytest.raises(errors.WorkspaceError, match="did not answer within"),
    ):
        warehouse.ask(Query("SELECT 1", ("one",)))


def add(simulator: Simulator, count: int) -> list[TableName]:
    tables = [Table(f"t{at}", rows=at) for at in range(count)]
    simulator.workspace.catalogs[0].schemas.append(Schema("many", tables))  # type: ignore[attr-defined]
    return [TableName("prod", "many", table.name) for table in tables]


def test_a_table_that_takes_too_long_to_count_costs_no_other(simulator: Simulator) -> None:
    wanted = add(simulator, 60)
    simulator.faults.statement_hangs = frozenset({"`t7`"})
    with SqlWarehouse(settings(simulator)) as warehouse:
        until = time.monotonic() + 4
        found = count_rows(warehouse, wanted, until=until)
        assert time.monotonic() < until + 30
    assert found.items() >= {name: at for at, name in enumerate(wanted) if at > 50}.items()
    assert len(found) > 10, "some of those next to it are counted as well"
    assert wanted[7] not in found


def test_a_statement_that_is_given_up_is_cancelled(simulator: Simulator) -> None:
    simulator.faults.statement_hangs = frozenset({"count(*)"})
    with SqlWarehouse(settings(simulator)) as warehouse:
        assert count_rows(warehouse, [TableName(*RAW)], until=time.monotonic() + 1.5) == {}
        assert warehouse.host == simulator.url
    sent = [text for text in simulator.api.warehouses.statements if "count(*)" in text]
    assert simulator.api.warehouses.cancelled == sent
    assert sent


@pytest.mark.parametrize("faults", [{"expired_after": 0}, {"denied": {STATEMENTS}}, {"hung": {STATEMENTS}}])
def test_counting_raises_nothing(simulator: Simulator, faults: dict[str, Any]) -> None:
    with SqlWarehouse(settings(simulator), deadline=1) as warehouse:
        for name, value in faults.items():
            setattr(simulator.faults, name, value)
        assert count_rows(warehouse, [TableName(*RAW)], until=time.monotonic() + 1.5) == {}


def test_columns_that_are_late_are_missing(simulator: Simulator) -> None:
    wanted = add(simulator, 150)
    with SqlWarehouse(settings(simulator)) as warehouse:
        assert len(read_columns(warehouse, wanted, until=time.monotonic() + 60)) == 150
        simulator.faults.statement_hangs = frozenset(
            {":p101"}
        )  # that of the first hundred is the only one with as many
        found = read_columns(warehouse, wanted, until=time.monotonic() + 1)
        assert set(found) == set(wanted[100:])
        simulator.faults.statement_hangs = frozenset({"information_schema.columns"})
        assert read_columns(warehouse, wanted, until=time.monotonic() + 0.2) == {}
