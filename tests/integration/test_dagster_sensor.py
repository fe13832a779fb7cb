"""What one tick of the freshness sensor does, tick by tick: bounded, in order, and asked of the instance again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from simulator import Catalog, Faults, Schema, Simulator, Table, Workspace
from simulator.workspace import ALTERED

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import statements
from dbxexplore.discovery.changes import TableName

pytest.importorskip("dagster", reason="needs dbxexplore[dagster]")

import dagster as dg

from dbxexplore.dagster_sync import freshness
from dbxexplore.dagster_sync.freshness import Cursor, FreshnessSensor, Watched

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_SENSOR_TOKEN"


def workspace(tables: int = 7) -> Workspace:
    return Workspace(
        [Catalog("prod", [Schema("s", [Table(f"t{at}") for at in range(tables)])])],
        warehouses={"running01": "RUNNING", "stopped01": "STOPPED"},
    )


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    monkeypatch.setattr(statements, "_POLLS", (0.01,))
    monkeypatch.setattr(statements, "_WAREHOUSE_POLL", 0.01)
    with Simulator(workspace()) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def key(name: TableName) -> dg.AssetKey:
    return dg.AssetKey(["lake", *name])


class Ticks:
    """Makes ticks as the daemon does: the events are stored first, the cursor afterwards."""

    def __init__(self, simulator: Simulator, instance: dg.DagsterInstance, **options: Any) -> None:
        self.cursor: str | None = None
        self.instance = instance
        warehouse = options.pop("warehouse", "running01")
        watched = {
            TableName(c.name, s.name, t.name): Watched(key(TableName(c.name, s.name, t.name)), is_counted=True)
            for c in simulator.workspace.catalogs
            for s in c.schemas
            for t in s.tables
        }
        watched = options.pop("watched", watched)
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse)
        self.names = list(watched)
        self.sensor = FreshnessSensor(settings, watched, **options)

    def look(self) -> dg.SensorResult | dg.SkipReason:
        return self.sensor.tick(dg.build_sensor_context(self.instance, cursor=self.cursor))

    def __call__(self, *, killed_after: int | None = None) -> list[str]:
        """Make a tick, and return what it reported, by name."""
        result = self.look()
        assert isinstance(result, dg.SensorResult), result
        events = result.asset_events[:killed_after]
        for event in events:
            self.instance.report_runless_asset_event(event)
        if killed_after is None:
            self.cursor = result.cursor
        return [event.asset_key.path[-1] for event in events]  # type: ignore[union-attr]

    def all(self) -> list[tuple[str, int]]:
        """Return all that the instance holds, by name and time of the change."""
        return sorted(
            (name.name, int((record.asset_materialization.tags or {})[freshness.ALTERED_AT]))
            for name in self.names
            for record in self.instance.fetch_materializations(key(name), limit=1000).records
            if record.asset_materialization
        )


def test_batches_are_bounded_and_the_rest_follows(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, most=3)
    assert [tick(), tick(), tick(), tick()] == [["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t6"], []]


def test_many_columns_make_a_batch_short(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_MOST_COLUMNS", 1000)
    watched = {
        TableName("prod", "s", f"t{at}"): Watched(key(TableName("prod", "s", f"t{at}")), columns=columns)
        for at, columns in enumerate([400, 400, 400, 10_000, 1])
    }
    tick = Ticks(simulator, instance, watched=watched)
    assert [tick(), tick(), tick(), tick(), tick()] == [["t0", "t1"], ["t2"], ["t3"], ["t4"], []]


def test_small_pages_and_ties(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness.read_changes, "__kwdefaults__", {"catalogs": None, "limit": 2})
    tick = Ticks(simulator, instance, most=5)
    assert [tick(), tick(), tick()] == [["t0", "t1", "t2", "t3", "t4"], ["t5", "t6"], []]


def test_the_first_tick_reads_no_more_than_it_reports_and_the_next_only_what_is_left(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance, most=4)
    tick()
    cursor = Cursor.read(tick.cursor)
    assert (cursor.at, cursor.after) == (ALTERED, ("prod", "s", "t3"))
    sent = len(simulator.api.warehouses.statements)
    tick()
    assert len(simulator.api.warehouses.statements) - sent == 3  # changes, columns, rows


def test_the_cursor_stays_behind_the_clock_so_that_late_news_is_not_lost(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    now = time.time_ns() // 1000
    simulator.workspace.change("prod", "s", "t5", altered_at=now)
    assert tick() == ["t5"]
    assert Cursor.read(tick.cursor).at < now - freshness._SETTLED + 60_000_000
    simulator.workspace.change("prod", "s", "t6", altered_at=now - 60_000_000)
    assert [tick(), tick()] == [["t6"], []]


def test_a_table_that_nobody_selected_is_not_reported(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    name = TableName("prod", "s", "t1")
    tick = Ticks(simulator, instance, watched={name: Watched(key(name))})
    assert [tick(), tick()] == [["t1"], []]


def test_two_objects_that_share_an_asset_are_not_reported_in_turns(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    shared = dg.AssetKey("shared")
    watched = {TableName("prod", "s", f"t{at}"): Watched(shared) for at in range(2)}
    tick = Ticks(simulator, instance, watched=watched)
    assert len(tick()) == 1
    simulator.workspace.change("prod", "s", "t1", altered_at=ALTERED + 5)
    simulator.workspace.change("prod", "s", "t0", altered_at=ALTERED + 9)
    assert len(tick()) == 2
    assert tick() == []


def test_materializations_of_others_do_not_hide_ours(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()
    tick.cursor = None  # as if the sensor had been reset
    instance.report_runless_asset_event(dg.AssetMaterialization(key(TableName("prod", "s", "t0"))))
    assert tick() == []


def test_a_reset_cursor_doubles_nothing(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()
    for cursor in (None, "nonsense", "[]", json.dumps({"at": "x"})):
        tick.cursor = cursor
        assert tick() == []


@pytest.mark.parametrize("checks", [True, False])
def test_checks_are_requested_once_there_is_something_to_compare_with(
    simulator: Simulator, instance: dg.DagsterInstance, checks: bool
) -> None:
    tick = Ticks(simulator, instance, checks=checks)
    first = tick.look()
    assert isinstance(first, dg.SensorResult)
    assert not first.run_requests
    tick()
    simulator.workspace.change("prod", "s", "t3")
    simulator.workspace.change("prod", "s", "t4")
    second = tick.look()
    assert isinstance(second, dg.SensorResult)
    requested = [check.asset_key.path[-1] for one in second.run_requests or () for check in one.asset_check_keys or ()]
    assert requested == (["t3", "t4"] if checks else [])
    again = tick.look()
    assert isinstance(again, dg.SensorResult)
    assert [one.run_key for one in again.run_requests or ()] == [one.run_key for one in second.run_requests or ()]


def test_a_column_that_cannot_be_read_is_left_out_and_not_compared(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    simulator.workspace.change("prod", "s", "t0", columns=())
    tick = Ticks(simulator, instance)
    tick()
    (record,) = instance.fetch_materializations(key(TableName("prod", "s", "t0")), limit=9).records
    assert record.asset_materialization
    assert "dagster/column_schema" not in record.asset_materialization.metadata
    simulator.workspace.change("prod", "s", "t0", columns=(("id", "int"),))
    result = tick.look()
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests


def test_rows_that_cannot_be_counted_are_not_told(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    simulator.workspace.change("prod", "s", "t1", rows=5)
    simulator.faults.unreadable = frozenset({"prod.s.t0"})
    tick = Ticks(simulator, instance)
    tick()
    found = {}
    for name in ("t0", "t1"):
        (record,) = instance.fetch_materializations(key(TableName("prod", "s", name)), limit=9).records
        assert record.asset_materialization
        count = record.asset_materialization.metadata.get("dagster/row_count")
        found[name] = count.value if count else None
    assert found == {"t0": None, "t1": 5}


# --- a bad day ---


def test_a_warehouse_that_starts_skips_the_tick(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_PATIENCE", 0.05)
    simulator.faults.warehouse_polls = 10**6
    tick = Ticks(simulator, instance, warehouse="stopped01")
    skipped = tick.look()
    assert isinstance(skipped, dg.SkipReason)
    assert "is still starting" in str(skipped.skip_message)
    simulator.api.warehouses._states["stopped01"] = "RUNNING"
    assert len(tick()) == 7


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"denied": {"/api/2.0/sql/statements"}}, "does not allow"),
        ({"statement_fails": {"information_schema": "[TABLE_OR_VIEW_NOT_FOUND]"}}, "TABLE_OR_VIEW_NOT_FOUND"),
        ({"expired_after": 0}, "does not accept"),
    ],
)
def test_a_failure_is_told_and_the_next_tick_begins_where_it_did(
    simulator: Simulator, instance: dg.DagsterInstance, faults: dict[str, Any], said: str
) -> None:
    tick = Ticks(simulator, instance)
    before = Faults()
    for name, value in faults.items():
        setattr(simulator.faults, name, value)
    with pytest.raises(errors.WorkspaceError, match=said) as caught:
        tick()
    assert simulator.token not in str(caught.value)
    for name in faults:
        setattr(simulator.faults, name, getattr(before, name))
    assert len(tick()) == 7


# --- whatever happens in between ---

steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.just("tick"), st.none(), st.none()),
        st.tuples(st.just("killed"), st.integers(0, 3), st.none()),
        st.tuples(st.just("reset"), st.none(), st.none()),
    ),
    max_size=10,
)


@hypothesis_settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps, most=st.integers(1, 3))
def test_each_change_that_a_tick_could_see_is_reported_once(
    simulator: Simulator, steps: Sequence[tuple[str, Any, Any]], most: int
) -> None:
    held = simulator.workspace.catalogs[0].schemas[0].tables
    assert isinstance(held, list)
    held[:] = [Table(f"t{at}") for at in range(4)]
    with dg.DagsterInstance.ephemeral() as instance:
        tick = Ticks(simulator, instance, most=most)
        seen: set[tuple[str, int]] = set()

        def settle(ticks: Callable[[], list[str]]) -> None:
            while ticks():
                pass
            seen.update((table.name, table.altered_at) for table in held)

        for what, at, by in steps:
            if what == "change":
                # Now, or seen some seconds late; a table's own time never runs back.
                when = max(time.time_ns() // 1000 - by * 10_000_000, held[at].altered_at + 1)
                simulator.workspace.change("prod", "s", f"t{at}", altered_at=when)
            elif what == "killed":
                tick(killed_after=at)
            elif what == "reset":
                tick.cursor = None
            else:
                settle(tick)
        settle(tick)
        found = tick.all()
    assert len(found) == len(set(found)), "something was reported twice"
    assert seen <= set(found), "something was lost"
