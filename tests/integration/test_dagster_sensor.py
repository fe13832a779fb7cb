"""What one tick of the freshness sensor does, tick by tick: bounded, in order, and asked of the instance again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import needs
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from simulator import Catalog, Faults, Schema, Simulator, Table, Workspace
from simulator.workspace import ALTERED

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import changes, statements, warehouse
from dbxexplore.discovery.changes import TableName

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg
from dagster_shared.serdes import serialize_value

from dbxexplore.dagster_sync.freshness import FreshnessSensor, Watched, sensor
from dbxexplore.dagster_sync.freshness.cursor import Cursor
from dbxexplore.dagster_sync.freshness.reported import ALTERED_AT
from dbxexplore.dagster_sync.freshness.sizes import size_of_columns, size_of_lineage

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
    monkeypatch.setattr(warehouse, "_POLL", 0.01)
    with Simulator(workspace()) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def key(name: TableName) -> dg.AssetKey:
    return dg.AssetKey(["lake", *name])


T0 = key(TableName("prod", "s", "t0"))


def checked(result: dg.SensorResult | dg.SkipReason) -> list[dg.AssetKey]:
    """Return the assets whose columns are to be checked."""
    assert isinstance(result, dg.SensorResult), result
    return [check.asset_key for one in result.run_requests or () for check in one.asset_check_keys or ()]


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
            (name.name, int((record.asset_materialization.tags or {})[ALTERED_AT]))
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
    monkeypatch.setattr(sensor, "_MOST_COLUMNS", 1000)
    watched = {
        TableName("prod", "s", f"t{at}"): Watched(key(TableName("prod", "s", f"t{at}")), columns=columns)
        for at, columns in enumerate([400, 400, 400, 10_000, 1])
    }
    tick = Ticks(simulator, instance, watched=watched)
    assert [tick(), tick(), tick(), tick(), tick()] == [["t0", "t1"], ["t2"], ["t3"], ["t4"], []]


def test_small_pages_and_ties(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor.read_changes, "__kwdefaults__", {"catalogs": None, "limit": 2, "until": None})
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
    assert Cursor.read(tick.cursor).at < now - sensor._SETTLED + 60_000_000
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


@pytest.mark.parametrize("count", [1, 30, 400])
def test_any_number_of_them_does_not(simulator: Simulator, instance: dg.DagsterInstance, count: int) -> None:
    tick = Ticks(simulator, instance)
    simulator.workspace.change("prod", "s", "t0", altered_at=time.time_ns() // 1000)
    tick()
    for at in range(count):
        instance.report_runless_asset_event(dg.AssetMaterialization(T0, partition=f"p{at}"))
    assert [tick(), tick()] == [[], []]
    tick.cursor = None
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


# --- too much for one tick ---


def sizes(result: dg.SensorResult | dg.SkipReason) -> list[int]:
    """Return what Dagster makes of each event, in bytes."""
    assert isinstance(result, dg.SensorResult), result
    return [len(serialize_value(event)) for event in result.asset_events]  # type: ignore[arg-type]


def test_many_bytes_make_a_batch_short(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_MOST_BYTES", 100_000)
    for at, length in enumerate([400, 400, 400, 400, 4000, 4, 4]):
        columns = tuple((f"c{n}", "x" * length) for n in range(60))
        simulator.workspace.change("prod", "s", f"t{at}", columns=columns, altered_at=ALTERED)
    tick = Ticks(simulator, instance)
    found = []
    while sent := sizes(tick.look()):
        assert 0.7 * sum(sent) < 100_000
        found.append((tick(), len(sent)))
    assert found == [(["t0", "t1"], 2), (["t2", "t3", "t4", "t5"], 4), (["t6"], 1)]
    assert not has_columns(instance, "t4"), "they are too many for any tick"
    assert has_columns(instance, "t5")
    assert [len(tick.all()), tick()] == [7, []]


def test_the_size_of_an_event_is_not_estimated_too_small() -> None:
    columns: list[Any] = [{"name": f"ü{n}", "type": "x" * n, "nullable": True, "comment": None} for n in range(100)]
    deps = {f"ü{n}": [dg.TableColumnDep(T0, f"c{at}") for at in range(n)] for n in range(50)}
    lineage = dg.TableColumnLineage(deps)
    for estimate, value in [
        (size_of_columns(columns), sensor.column_schema(columns)),
        (size_of_lineage(lineage), lineage),
    ]:
        exact = len(serialize_value(dg.AssetMaterialization(T0, metadata={"it": value}))) - 300
        assert 0.9 * exact < estimate < 1.5 * exact


def has_columns(instance: dg.DagsterInstance, name: str) -> bool:
    record = instance.fetch_materializations(key(TableName("prod", "s", name)), limit=1).records[0]
    assert record.asset_materialization
    return "dagster/column_schema" in record.asset_materialization.metadata


def test_rows_that_take_too_long_to_count_keep_nothing_from_being_reported(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_COUNTED", 2.5)
    simulator.faults.statement_hangs = frozenset({"`t3`"})
    tick = Ticks(simulator, instance)
    started = time.monotonic()
    assert len(tick()) == 7
    assert time.monotonic() - started < 60
    assert has_columns(instance, "t3")
    assert tick() == []


def test_columns_that_take_too_long_to_read_keep_nothing_from_being_reported(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    monkeypatch.setattr(sensor, "_DESCRIBED", 1.0)
    simulator.faults.statement_hangs = frozenset({"information_schema.columns"})
    simulator.workspace.change("prod", "s", "t0", columns=(("id", "string"),))
    assert checked(tick.look()) == []
    assert tick() == ["t0"]
    assert not has_columns(instance, "t0")
    simulator.workspace.change("prod", "s", "t0")
    assert tick() == ["t0"]
    monkeypatch.setattr(sensor, "_DESCRIBED", 60.0)
    simulator.faults.statement_hangs = frozenset()
    simulator.workspace.change("prod", "s", "t0")
    assert tick() == ["t0"]
    assert has_columns(instance, "t0")
    simulator.workspace.change("prod", "s", "t0")
    assert checked(tick.look()) == [T0]


@pytest.mark.parametrize(("hangs", "ticks"), [("first", [5, 0]), ("second", [3, 2, 0])])
def test_a_change_waits_for_its_columns_behind_one_that_has_them(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, hangs: str, ticks: list[int]
) -> None:
    monkeypatch.setattr(changes, "_MOST_DESCRIBED", 3)
    monkeypatch.setattr(sensor, "_DESCRIBED", 1.0)
    schemas = [
        Schema("s", [Table(f"t{at}") for at in range(3)]),
        Schema("s1", [Table("t3")]),
        Schema("s2", [Table("t4")]),
    ]
    simulator.workspace.catalogs = [Catalog("prod", schemas)]
    # The second statement has the parts of two schemas, so that it has a marker more; the first is the other.
    simulator.faults.statement_hangs = frozenset({":p5"} if hangs == "second" else {":p2, :p3, :p4"})
    tick = Ticks(simulator, instance)
    found = [tick()]
    simulator.faults.statement_hangs = frozenset()
    found += [tick() for _ in ticks[1:]]
    assert [len(one) for one in found] == ticks
    assert len(tick.all()) == 5


def test_a_page_that_is_late_takes_nothing_from_those_before(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_READ", 2.0)
    monkeypatch.setattr(sensor.read_changes, "__kwdefaults__", {"catalogs": None, "limit": 2, "until": None})
    simulator.faults.statement_hangs = frozenset({"table_catalog > :catalog"})
    tick = Ticks(simulator, instance)
    assert tick() == ["t0", "t1"]
    assert Cursor.read(tick.cursor).after == ("prod", "s", "t1")


# --- other tables, another workspace ---


def named(*names: str) -> dict[TableName, Watched]:
    return {name: Watched(key(name)) for name in (TableName("prod", "s", one) for one in names)}


def test_a_table_that_becomes_an_asset_later_is_reported(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()
    now = time.time_ns() // 1000
    held = simulator.workspace.catalogs[0].schemas[0].tables
    assert isinstance(held, list)
    held.append(Table("new", altered_at=now - 3_600_000_000))
    simulator.workspace.change("prod", "s", "t0", altered_at=now)
    assert tick() == ["t0"]
    later = Ticks(simulator, instance)
    later.cursor = tick.cursor
    assert [later(), later()] == [["new"], []]


def test_a_table_that_leaves_the_filter_and_comes_back_is_reported(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick, less = Ticks(simulator, instance), Ticks(simulator, instance, watched=named("t0"))
    tick()
    now = time.time_ns() // 1000
    simulator.workspace.change("prod", "s", "t1", altered_at=now - 3_600_000_000)
    simulator.workspace.change("prod", "s", "t0", altered_at=now)
    less.cursor = tick.cursor
    assert less() == ["t0"]
    tick.cursor = less.cursor
    assert [tick(), tick()] == [["t1"], []]


def test_a_table_whose_asset_has_another_key_is_reported(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    name = TableName("prod", "s", "t0")
    simulator.workspace.change("prod", "s", "t1", altered_at=time.time_ns() // 1000)
    tick = Ticks(simulator, instance)
    tick()
    other = Ticks(simulator, instance, watched={name: Watched(dg.AssetKey("another"))})
    other.cursor = tick.cursor
    assert [other(), other()] == [["another"], []]


def test_a_cursor_of_an_earlier_version_is_read_and_doubles_nothing(
    simulator: Simulator, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    old = json.dumps({"version": 1, "at": ALTERED, "after": ["prod", "s", "t2"]})
    assert Cursor.read(old) == Cursor(ALTERED, TableName("prod", "s", "t2"))
    tick = Ticks(simulator, instance)
    tick.cursor = old
    assert len(tick()) == 7, "it does not say what was watched, so that all is looked at once more"
    tick.cursor = old
    assert [tick(), tick()] == [[], []]
    assert "is not one of this sensor" not in caplog.text


def test_what_is_looked_at_again_takes_no_more_statements_the_next_time(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance, most=4)
    tick()
    tick.cursor = None
    assert [len(tick()), len(tick())] == [3, 0]
    assert Cursor.read(tick.cursor).at == ALTERED


def test_another_workspace_is_told_apart(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    here = Ticks(simulator, instance)
    for at in range(7):
        simulator.workspace.change("prod", "s", f"t{at}", altered_at=ALTERED + 10)
    assert len(here()) == 7
    with Simulator(workspace()) as other:
        there = Ticks(other, instance)
        there.cursor = here.cursor
        assert [len(there()), len(there())] == [7, 0]
        here.cursor = there.cursor
    assert here() == []


def test_marks_of_an_earlier_version_name_no_workspace_and_count(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    mark = {ALTERED_AT: str(ALTERED)}
    instance.report_runless_asset_event(dg.AssetMaterialization(T0, tags=mark))
    assert "t0" not in Ticks(simulator, instance)()


# --- a bad day ---


def test_a_warehouse_that_starts_skips_the_tick(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_PATIENCE", 0.05)
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
