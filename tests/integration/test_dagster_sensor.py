"""What one tick of the freshness sensor does, tick by tick: bounded, in order, and asked of the instance again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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
from dbxexplore.discovery.change_sources import change_source
from dbxexplore.discovery.changes import TableName

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg
from dagster_shared.serdes import serialize_value

from dbxexplore.dagster_sync.freshness import FreshnessSensor, Watched, sensor
from dbxexplore.dagster_sync.freshness.cursor import Cursor, Position
from dbxexplore.dagster_sync.freshness.reported import ALTERED_AT

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_SENSOR_TOKEN"
COUNT = 7


def workspace() -> Workspace:
    return Workspace(
        [Catalog("prod", [Schema("s", [Table(f"t{at}") for at in range(COUNT)])])],
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


def table(name: str) -> TableName:
    return TableName("prod", "s", name)


def key(name: TableName | str) -> dg.AssetKey:
    return dg.AssetKey(["lake", *(table(name) if isinstance(name, str) else name)])


def named(*names: str, **about: Any) -> dict[TableName, Watched]:
    return {table(name): Watched(key(name), **about) for name in names}


def everything(simulator: Simulator) -> dict[TableName, Watched]:
    names = [
        TableName(c.name, s.name, t.name) for c in simulator.workspace.catalogs for s in c.schemas for t in s.tables
    ]
    return {name: Watched(key(name), is_delta=True) for name in names}


def short(event: Any) -> str:
    """Return what an event says, in short: ``t0`` for a materialization, ``(t0)`` for an observation."""
    name: str = event.asset_key.path[-1]
    if isinstance(event, dg.AssetCheckEvaluation):
        return f"{name} {'passed' if event.passed else 'failed'}"
    return f"({name})" if isinstance(event, dg.AssetObservation) else name


class Ticks:
    """Makes ticks as the daemon does: the events are stored first, the cursor afterwards. Each look is due at once."""

    def __init__(
        self,
        simulator: Simulator,
        instance: dg.DagsterInstance,
        warehouse: str | None = "running01",
        watched: Mapping[TableName, Watched] | None = None,
        **options: Any,
    ) -> None:
        self.cursor: str | None = None
        self.instance = instance
        self.watched = everything(simulator) if watched is None else watched
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse)
        source = partial(change_source, settings, self.watched, patience=options.pop("patience", 15.0))
        self.sensor = FreshnessSensor(source, self.watched, **{"interval": 0.0, "checks": False, **options})

    def look(self) -> dg.SensorResult | dg.SkipReason:
        return self.sensor.tick(dg.build_sensor_context(self.instance, cursor=self.cursor))

    def store(self, result: dg.SensorResult | dg.SkipReason, *, killed_after: int | None = None) -> list[str]:
        """Store what a look has found, and return it."""
        assert isinstance(result, dg.SensorResult), result
        events = result.asset_events[:killed_after]
        for event in events:
            self.instance.report_runless_asset_event(event)
        if killed_after is None:
            self.cursor = result.cursor
        return [short(event) for event in events]

    def __call__(self, *, killed_after: int | None = None) -> list[str]:
        """Make a tick, and return what it told."""
        return self.store(self.look(), killed_after=killed_after)

    def at(self) -> Cursor:
        return Cursor.read(self.cursor)

    def all(self) -> list[tuple[str, int]]:
        """Return all that the instance holds of this sensor, by name and time of the change."""
        fetches = (self.instance.fetch_materializations, self.instance.fetch_observations)
        return sorted(
            (name.name, int((event.tags or {})[ALTERED_AT]))
            for name, watched in self.watched.items()
            for fetch in fetches
            for record in fetch(watched.key, limit=1000).records
            if (event := record.asset_materialization or record.event_log_entry.asset_observation)
            and ALTERED_AT in (event.tags or {})
        )

    def latest(self, name: str) -> dg.AssetMaterialization:
        record = self.instance.fetch_materializations(key(name), limit=1).records[0]
        assert record.asset_materialization
        return record.asset_materialization


BASELINE = [f"(t{at})" for at in range(COUNT)]


def now() -> int:
    return time.time_ns() // 1000


# --- what is told ---


@pytest.mark.parametrize("warehouse", ["running01", None])
def test_a_first_look_observes_and_then_changes_are_reported(
    simulator: Simulator, instance: dg.DagsterInstance, warehouse: str | None
) -> None:
    tick = Ticks(simulator, instance, warehouse)
    assert [tick(), tick()] == [BASELINE, []]
    simulator.workspace.change("prod", "s", "t3", rows=5, columns=(("id", "int"), ("note", "string")))
    assert [tick(), tick()] == [["t3"], []]
    made = tick.latest("t3")
    assert [column.name for column in made.metadata["dagster/column_schema"].value.columns] == ["id", "note"]
    assert made.metadata["dbxexplore/altered"].value == (ALTERED + 10_000) / 1_000_000
    assert made.metadata["dbxexplore/change"].value == ("data" if warehouse else "unknown")
    assert made.metadata.get("dagster/row_count") == (dg.MetadataValue.int(5) if warehouse else None)


def test_a_first_look_runs_nothing_and_a_change_runs_what_depends_on_it_once(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    view = dg.AssetSpec("view", deps=[key("t1")], is_virtual=True)
    eager = dg.AutomationCondition.eager()

    @dg.asset(deps=[key("t0")], automation_condition=eager)
    def report() -> None: ...

    @dg.asset(deps=["view"], automation_condition=eager.resolve_through_virtual())
    def behind_a_view() -> None: ...

    defs = dg.Definitions([*(dg.AssetSpec(key(f"t{at}")) for at in range(COUNT)), view, report, behind_a_view])
    cursor: Any = None

    def requested() -> list[str]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor = result.cursor
        names = {"report": report, "behind_a_view": behind_a_view}
        keys = [name for name in names if result.get_num_requested(dg.AssetKey(name))]
        for name in keys:
            dg.materialize([names[name], *defs.assets], selection=[name], instance=instance)  # type: ignore[list-item,misc]
        return keys

    requested()
    tick = Ticks(simulator, instance)
    tick()
    assert [requested(), requested()] == [[], []], "the sensor was switched on"
    simulator.workspace.change("prod", "s", "t0")
    assert tick() == ["t0"]
    assert [requested(), requested()] == [["report"], []]
    simulator.workspace.change("prod", "s", "t1")
    assert tick() == ["t1"]
    assert [requested(), requested()] == [["behind_a_view"], []]
    simulator.workspace.change("prod", "s", "t0", "SET TBLPROPERTIES", comment="new")
    assert tick() == ["(t0)"]
    assert requested() == [], "a comment runs nothing"


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        (["SET TBLPROPERTIES"], "(t0)"),
        (["OPTIMIZE", "VACUUM END"], "(t0)"),
        (["WRITE", "SET TBLPROPERTIES"], "t0"),
        (["ADD COLUMNS"], "t0"),
        (["something new"], "t0"),
    ],
)
def test_the_history_tells_data_from_comments(
    simulator: Simulator, instance: dg.DagsterInstance, operations: list[str], told: str
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    for operation in operations:
        simulator.workspace.change("prod", "s", "t0", operation)
    assert [tick(), tick()] == [[told], []]
    simulator.workspace.change("prod", "s", "t0", "MERGE")
    assert tick() == ["t0"]
    simulator.workspace.change("prod", "s", "t0", "COMPUTE STATS")
    assert [tick(), tick()] == [["(t0)"], []]


def test_all_changes_are_reported_on_request(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, report="all")
    tick()
    simulator.workspace.change("prod", "s", "t0", "SET TBLPROPERTIES")
    assert tick() == ["t0"]
    assert not [one for one in simulator.api.warehouses.statements if "HISTORY" in one]


@pytest.mark.parametrize(
    "trouble", [{"unreadable": frozenset({"prod.s.t0"})}, {"statement_hangs": frozenset({"HISTORY"})}]
)
def test_a_history_that_cannot_be_read_leaves_nothing_out(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Any]
) -> None:
    monkeypatch.setattr(sensor, "_HISTORY", 1.0)
    tick = Ticks(simulator, instance)
    tick()
    for name, value in trouble.items():
        setattr(simulator.faults, name, value)
    simulator.workspace.change("prod", "s", "t0", "SET TBLPROPERTIES")
    assert tick() == ["t0"]
    assert tick.latest("t0").metadata["dbxexplore/change"].value == "unknown"


def test_the_number_of_histories_is_bounded(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_MOST_HISTORIES", 3)
    tick = Ticks(simulator, instance)
    tick()
    for at in range(COUNT):
        simulator.workspace.change("prod", "s", f"t{at}", "SET TBLPROPERTIES", altered_at=ALTERED + 5000 + at * 1000)
    assert tick() == ["(t0)", "(t1)", "(t2)", "t3", "t4", "t5", "t6"]


def test_what_a_run_has_written_is_not_reported_again(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()

    @dg.asset(key=key("t0"))
    def written() -> None:
        simulator.workspace.change("prod", "s", "t0", altered_at=now())

    dg.materialize([written], instance=instance)
    assert [tick(), tick()] == [[], []]
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert [tick(), tick()] == [["t0"], []], "by somebody else, after the run"
    dg.materialize([written], instance=instance)
    simulator.workspace.change("prod", "s", "t0", "SET TBLPROPERTIES", altered_at=now())
    assert [tick(), tick()] == [["(t0)"], []], "the write is the run's, and the rest is a comment"


def test_an_asset_that_a_run_had_written_before_is_known_after_the_first_look(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(key("t0")))
    tick = Ticks(simulator, instance)
    assert tick() == BASELINE
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert tick() == ["t0"]


def test_columns_are_compared_without_a_run(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, checks=True)
    tick()
    simulator.workspace.change("prod", "s", "t0", columns=(("id", "bigint"), ("amount", "double")))
    assert tick() == ["t0"], "there is nothing to compare with"
    simulator.workspace.change("prod", "s", "t0", columns=(("id", "string"), ("note", "string")))
    result = tick.look()
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    (evaluation,) = (one for one in result.asset_events if isinstance(one, dg.AssetCheckEvaluation))
    assert evaluation.description is not None
    assert evaluation.description.splitlines() == [
        "Added columns: note",
        "Removed columns: amount",
        "Column type changes: id: bigint -> string",
    ]
    assert tick.store(result) == ["t0", "t0 failed"]
    simulator.workspace.change("prod", "s", "t0", rows=1)
    assert tick() == ["t0", "t0 passed"]


def test_a_table_that_nobody_selected_is_not_told(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, watched=named("t1"))
    assert [tick(), tick()] == [["(t1)"], []]


def test_two_objects_that_share_an_asset_are_not_reported_in_turns(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    shared = dg.AssetKey("shared")
    tick = Ticks(simulator, instance, watched={table(name): Watched(shared) for name in ("t0", "t1")})
    assert len(tick()) == 1
    simulator.workspace.change("prod", "s", "t1", altered_at=ALTERED + 5000)
    simulator.workspace.change("prod", "s", "t0", altered_at=ALTERED + 9000)
    assert len(tick()) == 2
    assert tick() == []


@pytest.mark.parametrize("count", [1, 30, 400])
def test_events_of_others_do_not_hide_ours(simulator: Simulator, instance: dg.DagsterInstance, count: int) -> None:
    tick = Ticks(simulator, instance)
    tick()
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert tick() == ["t0"]
    for at in range(count):
        instance.report_runless_asset_event(dg.AssetMaterialization(key("t0"), partition=f"p{at}"))
        instance.report_runless_asset_event(dg.AssetObservation(key("t0")))
    assert [tick(), tick()] == [[], []]
    tick.cursor = None  # as if the sensor had been reset
    assert tick() == []
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert tick() == ["t0"]


# --- where it looks on ---


def test_ticks_are_bounded_and_go_on_until_all_is_told(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, most=3, interval=900.0)
    assert [tick(), tick(), tick()] == [BASELINE[:3], BASELINE[3:6], BASELINE[6:]]
    asked = simulator.record.total
    skipped = tick.look()
    assert isinstance(skipped, dg.SkipReason)
    assert "The next look is at" in str(skipped.skip_message)
    assert simulator.record.total == asked, "it costs nothing"


def test_much_at_once_is_told_in_a_row_though_the_clock_stands_still(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance, most=2)
    while tick():
        pass
    for at in range(COUNT):
        simulator.workspace.change("prod", "s", f"t{at}", altered_at=now())
    told = [tick() for _ in range(4)]
    assert told == [["t0", "t1"], ["t2", "t3"], ["t4", "t5"], ["t6"]]


def test_many_columns_make_a_batch_short(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = {
        table(f"t{at}"): Watched(key(f"t{at}"), columns=columns)
        for at, columns in enumerate([400, 400, 400, 10_000, 1])
    }
    tick = Ticks(simulator, instance, watched=watched)
    assert len(tick()) == 5, "a first look reads no columns"
    monkeypatch.setattr(sensor, "_MOST_COLUMNS", 1000)
    for at in range(5):
        simulator.workspace.change("prod", "s", f"t{at}")
    assert [tick() for _ in range(5)] == [["t0", "t1"], ["t2"], ["t3"], ["t4"], []]


def test_columns_that_nobody_knew_of_are_left_off_where_they_are_too_many(
    simulator: Simulator,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    monkeypatch.setattr(sensor, "_MOST_COLUMNS", 50)
    for at, columns in enumerate([60, 60, 1]):
        grown = tuple((f"c{n}", "int") for n in range(columns))
        simulator.workspace.change("prod", "s", f"t{at}", columns=grown)
    result = tick.look()
    assert isinstance(result, dg.SensorResult)
    held = ["dagster/column_schema" in event.metadata for event in result.asset_events]
    assert held == [True, False, False]
    assert "prod.s.t1 has too many columns" in caplog.text


def test_the_largest_tick_fits_into_a_message() -> None:
    columns: list[Any] = [
        {"name": f"c{n}" * 20, "type": "x" * 500, "nullable": True, "comment": "y" * 500} for n in range(1000)
    ]
    size = len(serialize_value(dg.AssetMaterialization("a", metadata={"s": sensor.column_schema(columns)})))
    assert 50 * size < 100_000_000, "of 50,000 columns at most, each of unusual size"


def test_small_pages_and_ties(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes.read_changes, "__kwdefaults__", {"catalogs": None, "limit": 2, "until": None})
    tick = Ticks(simulator, instance, most=5)
    assert [tick(), tick(), tick()] == [BASELINE[:5], BASELINE[5:], []]


def test_the_cursor_stays_behind_the_clock_so_that_late_news_is_not_lost(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    moment = now()
    simulator.workspace.change("prod", "s", "t5", altered_at=moment)
    assert tick() == ["t5"]
    assert tick.at().start.at < moment - sensor._SETTLED + 60_000_000
    simulator.workspace.change("prod", "s", "t6", altered_at=moment - 60_000_000)
    assert [tick(), tick()] == [["t6"], []]


def test_a_look_of_many_ticks_settles_where_it_began(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance, most=4)
    while tick():
        pass
    moment = now()
    for at in range(COUNT):
        simulator.workspace.change("prod", "s", f"t{at}", altered_at=moment + at)
    tick()
    began = tick.at().began
    assert tick.at().resume is not None
    assert began >= moment
    tick()
    assert tick.at().resume is None
    assert tick.at().start.at <= began - sensor._SETTLED


def test_a_reset_cursor_doubles_nothing(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()
    old = json.dumps({"version": 1, "at": ALTERED, "after": ["prod", "s", "t2"], "of": ""})
    for cursor in (None, "nonsense", "[]", json.dumps({"version": 2, "start": 1}), old):
        tick.cursor = cursor
        assert tick() == []


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(Position(5, table("t")), Position(7, table("ü")), 8, "of", 9.5, 2, "why")
    assert Cursor.read(str(cursor)) == cursor
    assert Cursor.read(str(Cursor())) == Cursor()


def test_what_an_earlier_version_reported_counts(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    mark = {ALTERED_AT: str(ALTERED)}  # and no workspace
    instance.report_runless_asset_event(dg.AssetMaterialization(key("t0"), tags=mark))
    tick = Ticks(simulator, instance)
    assert tick() == BASELINE[1:]
    simulator.workspace.change("prod", "s", "t0")
    assert tick() == ["t0"]


def test_a_page_that_is_late_takes_nothing_from_those_before(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "_READ", 2.0)
    monkeypatch.setattr(changes.read_changes, "__kwdefaults__", {"catalogs": None, "limit": 2, "until": None})
    simulator.faults.statement_hangs = frozenset({"table_catalog > :catalog"})  # as the second page asks
    tick = Ticks(simulator, instance)
    assert tick() == ["(t0)", "(t1)"]
    assert tick.at().resume == Position(ALTERED, table("t1"))


# --- other tables, another workspace ---


def test_a_table_that_becomes_an_asset_later_is_observed_first(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    held = simulator.workspace.catalogs[0].schemas[0].tables
    assert isinstance(held, list)
    held.append(Table("new", altered_at=now() - 3_600_000_000))
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert tick() == ["t0"]
    later = Ticks(simulator, instance)
    later.cursor = tick.cursor
    assert [later(), later()] == [["(new)"], []]
    simulator.workspace.change("prod", "s", "new", altered_at=now())
    assert later() == ["new"]


def test_a_table_that_leaves_the_filter_and_comes_back_is_reported(
    simulator: Simulator, instance: dg.DagsterInstance
) -> None:
    tick, less = Ticks(simulator, instance), Ticks(simulator, instance, watched=named("t0"))
    tick()
    simulator.workspace.change("prod", "s", "t1", altered_at=now() - 3_600_000_000)
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    less.cursor = tick.cursor
    assert less() == ["t0"]
    tick.cursor = less.cursor
    assert [tick(), tick()] == [["t1"], []]


def test_a_table_whose_asset_has_another_key_is_observed(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    tick = Ticks(simulator, instance)
    tick()
    other = Ticks(simulator, instance, watched={table("t0"): Watched(dg.AssetKey("another"))})
    other.cursor = tick.cursor
    assert [other(), other()] == [["(another)"], []]


def test_another_workspace_is_told_apart(simulator: Simulator, instance: dg.DagsterInstance) -> None:
    here = Ticks(simulator, instance)
    assert here() == BASELINE
    with Simulator(workspace()) as other:
        there = Ticks(other, instance)
        there.cursor = here.cursor
        assert [there(), there()] == [BASELINE, []]
        here.cursor = there.cursor
    assert here() == []


# --- a bad day ---


def test_a_warehouse_that_starts_is_looked_at_again_soon_and_fails_after_three_looks(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.faults.warehouse_polls = 10**6
    tick = Ticks(simulator, instance, "stopped01", patience=0.05, interval=900.0)
    clock = time.time()
    monkeypatch.setattr(sensor.time, "time", lambda: clock)
    for look, wait in ((1, 60.0), (2, 240.0), (3, 900.0)):
        skipped = tick.look()
        assert isinstance(skipped, dg.SensorResult)
        assert "is still starting" in str(skipped.skip_reason)
        tick.store(skipped)
        assert tick.at().due == clock + wait
        clock += wait / 2
        asked = simulator.record.total
        if look < 3:
            assert isinstance(tick.look(), dg.SkipReason)
        else:
            with pytest.raises(errors.WorkspaceError, match="is still starting after"):
                tick.look()
        assert simulator.record.total == asked
        clock += wait / 2
    simulator.api.warehouses._states["stopped01"] = "RUNNING"
    assert tick() == BASELINE
    assert (tick.at().tries, tick.at().failed) == (0, "")


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"denied": {"/api/2.0/sql/statements"}}, "does not allow"),
        ({"statement_fails": {"information_schema": "[TABLE_OR_VIEW_NOT_FOUND]"}}, "TABLE_OR_VIEW_NOT_FOUND"),
        ({"expired_after": 0}, "does not accept"),
    ],
)
def test_a_failure_is_told_until_the_next_look_which_begins_where_it_did(
    simulator: Simulator,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    faults: dict[str, Any],
    said: str,
) -> None:
    tick = Ticks(simulator, instance, interval=900.0)
    before = Faults()
    for name, value in faults.items():
        setattr(simulator.faults, name, value)
    first = tick.look()
    assert isinstance(first, dg.SensorResult)
    assert said in str(first.skip_reason)
    assert tick.store(first) == []
    asked = simulator.record.total
    with pytest.raises(errors.WorkspaceError, match=said) as caught:
        tick.look()
    assert simulator.token not in str(caught.value)
    assert simulator.record.total == asked, "a warehouse is not kept awake by what fails"
    for name in faults:
        setattr(simulator.faults, name, getattr(before, name))
    later = time.time() + 901
    monkeypatch.setattr(sensor.time, "time", lambda: later)
    assert tick() == BASELINE


def test_a_schema_that_cannot_be_listed_loses_no_change(
    simulator: Simulator, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    held = [Schema("s", [Table("t0")]), Schema("r", [Table("t1")])]
    with Simulator(Workspace([Catalog("prod", held)]), token=simulator.token) as other:
        loses_no_change(other, Ticks(other, instance, None), caplog)


def loses_no_change(simulator: Simulator, tick: Ticks, caplog: pytest.LogCaptureFixture) -> None:
    assert sorted(tick()) == ["(t0)", "(t1)"]
    simulator.faults.denied = frozenset({"prod.r"})
    simulator.workspace.change("prod", "r", "t1", altered_at=now() - 3_600_000_000)
    simulator.workspace.change("prod", "s", "t0", altered_at=now())
    assert tick() == ["t0"]
    assert "prod.r couldn't be listed (denied)" in caplog.text
    simulator.faults.denied = frozenset()
    assert [tick(), tick()] == [["t1"], []]


def test_more_schemas_than_can_be_listed_in_time_are_told(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.faults.hung = frozenset({"prod.s"})
    tick = Ticks(simulator, instance, None)
    monkeypatch.setattr(sensor, "_READ", 1.0)
    result = tick.look()
    assert isinstance(result, dg.SensorResult)
    assert "1 schemas could not be listed in time. Name a SQL warehouse" in str(result.skip_reason)


@pytest.mark.parametrize("what", ["information_schema.columns", "count(*)"])
def test_what_takes_too_long_keeps_nothing_from_being_reported(
    simulator: Simulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    tick = Ticks(simulator, instance)
    tick()
    monkeypatch.setattr(sensor, "_DESCRIBED", 1.0)
    monkeypatch.setattr(sensor, "_COUNTED", 2.5)
    simulator.faults.statement_hangs = frozenset({what})
    for at in range(COUNT):
        simulator.workspace.change("prod", "s", f"t{at}")
    assert len(tick()) == COUNT
    assert ("dagster/column_schema" in tick.latest("t3").metadata) == (what == "count(*)")
    assert "dagster/row_count" not in tick.latest("t3").metadata or what != "count(*)"
    assert tick() == []


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
@given(steps=steps, most=st.integers(1, 3), has_warehouse=st.booleans())
def test_each_change_that_a_tick_could_see_is_told_once(
    simulator: Simulator, steps: Sequence[tuple[str, Any, Any]], most: int, has_warehouse: bool
) -> None:
    held = simulator.workspace.catalogs[0].schemas[0].tables
    assert isinstance(held, list)
    held[:] = [Table(f"t{at}") for at in range(4)]
    simulator.workspace.changes += 1  # what was listed before is not served again
    with dg.DagsterInstance.ephemeral() as instance:
        tick = Ticks(simulator, instance, "running01" if has_warehouse else None, most=most)
        seen: set[tuple[str, int]] = set()

        def settle(ticks: Callable[[], list[str]]) -> None:
            while ticks() or tick.at().resume:
                pass
            seen.update((table.name, table.altered_at // 1000) for table in held)

        for what, at, by in steps:
            if what == "change":
                # Now, or seen some seconds late; a table's own time never runs back.
                when = max(now() - by * 10_000_000, held[at].altered_at + 10_000)
                simulator.workspace.change("prod", "s", f"t{at}", altered_at=when)
            elif what == "killed":
                tick(killed_after=at)
            elif what == "reset":
                tick.cursor = None
            else:
                settle(tick)
        settle(tick)
        found = [(name, at // 1000) for name, at in tick.all()]
    assert len(found) == len(set(found)), "something was told twice"
    assert seen <= set(found), "something was lost"
