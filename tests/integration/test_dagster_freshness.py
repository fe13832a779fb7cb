"""Freshness in a real Dagster instance on disk: its daemon's own ticks, its code server, its runs."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import needs
import pytest
from simulator import Catalog, Lineage, Schema, Simulator, Table, Workspace
from simulator.workspace import ALTERED

import dbxexplore as dbx

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_FRESHNESS_TOKEN"
ORDERS, EVENTS, DAILY = (
    dg.AssetKey(["lake", "prod", *path]) for path in (["gold", "orders"], ["raw", "events"], ["gold", "daily"])
)
CHECK = dg.AssetCheckKey(ORDERS, "column_schema_change")
DOWNSTREAM = """
import dagster as dg


@dg.asset(deps=[dg.AssetKey(["lake", "prod", "gold", "orders"])], automation_condition=dg.AutomationCondition.eager())
def report() -> None: ...
"""


def lakehouse() -> Workspace:
    columns = (("id", "bigint"), ("amount", "double"))
    gold = [Table("orders", columns=columns, rows=42), Table("daily", "VIEW", definition="SELECT * FROM orders")]
    raw = [Table("events", rows=1), Table("tmp_events")]
    return Workspace(
        [Catalog("prod", [Schema("gold", gold), Schema("raw", raw)]), Catalog("dev", [Schema("s", [Table("t")])])],
        warehouses={"running01": "RUNNING", "stopped01": "STOPPED"},
        lineage=[
            Lineage(("prod", "raw", "events"), ("prod", "gold", "orders"), (("id", "id"),)),
            Lineage(("prod", "gold", "orders"), ("prod", "gold", "daily")),
        ],
    )


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return found


@dataclass
class Dagster:
    """An instance, and the daemon's view of one project."""

    home: Path
    project: Path

    def __post_init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        self.instance = self._stack.enter_context(dg.DagsterInstance.from_config(str(self.home)))
        target = ModuleTarget("lake.definitions", None, str(self.project / "src"), "lake")
        self.workspace: WorkspaceProcessContext = self._stack.enter_context(
            create_test_daemon_workspace_context(target, self.instance)
        )

    def switch_on(self) -> None:
        """Start the sensor, as a user does; it stays so over restarts."""
        (location,) = self.workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        sensor = repository.get_sensor("lake_freshness")
        assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
        self.instance.start_sensor(sensor)

    def stop(self) -> None:
        self._stack.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ticks(self) -> Sequence[InstigatorTick]:
        states = self.instance.all_instigator_state()
        (sensor,) = (one for one in states if one.name == "lake_freshness")
        return self.instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id)

    def tick(self) -> InstigatorTick:
        """Have the daemon make the sensor's next tick that looks for changes, and return it."""
        before = len(self.ticks()) if self.instance.all_instigator_state() else 0
        logger = logging.getLogger("daemon")

        def looked() -> InstigatorTick | None:
            list(execute_sensor_iteration(self.workspace, logger, None, None))
            made = self.ticks()
            # The latest first. Some only say that it is not time yet.
            new = made[: len(made) - before]
            return next((one for one in new if not (one.skip_reason or "").startswith("The next look is at")), None)

        found: InstigatorTick = wait_until("a look", looked)
        return found

    def events(self, key: dg.AssetKey) -> list[dg.AssetMaterialization]:
        """Return the materializations of an asset, the latest first."""
        records = self.instance.fetch_materializations(key, limit=1000).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def counts(self) -> list[int]:
        return [len(self.events(key)) for key in (ORDERS, EVENTS, DAILY)]

    def observed(self) -> list[int]:
        return [len(self.instance.fetch_observations(key, limit=1000).records) for key in (ORDERS, EVENTS, DAILY)]

    def check(self) -> Any:
        return self.instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK]).get(CHECK)


def connection(simulator: Simulator, warehouse: str | None = "running01") -> dbx.ConnectionConfig:
    return dbx.ConnectionConfig(
        name="lake",
        settings=dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse),
        filters=dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), tables=dbx.Patterns(deny=[".*tmp_.*"])),
    )


def refresh(project: Path) -> None:
    """Store the state as a user does."""
    command = [sys.executable, "-c", "from dagster_dg_cli.cli import main; main()", "utils", "refresh-defs-state"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def make_project(config: dbx.ConnectionConfig, folder: Path, **attributes: object) -> Path:
    project = folder / "project"
    dbx.export.write_project(config, project)
    defs = project / "src" / "lake" / "defs"
    (defs / "downstream.py").write_text(DOWNSTREAM)
    text = (defs / "lake" / "defs.yaml").read_text()
    given = {"freshness_interval": 1, **attributes}
    more = "".join(f"\n  {name}: {str(value).lower()}" for name, value in given.items())
    (defs / "lake" / "defs.yaml").write_text(text.replace("connection.yaml", f"connection.yaml{more}", 1))
    refresh(project)
    return project


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(lakehouse()) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "dagster_home"
    home.mkdir()
    # Runs are launched at once, because no daemon is there that would take them from a queue.
    coordinator = "run_coordinator:\n  module: dagster._core.run_coordinator\n  class: DefaultRunCoordinator\n"
    (home / "dagster.yaml").write_text(f"telemetry:\n  enabled: false\n{coordinator}")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    # The project is not installed, so its source is put on the path of Dagster's processes instead.
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path / "project" / "src"), inherited])))
    return home


@pytest.fixture
def dagster(simulator: Simulator, home: Path, tmp_path: Path) -> Iterator[Dagster]:
    running = Dagster(home, make_project(connection(simulator), tmp_path))
    try:
        running.switch_on()
        yield running
    finally:
        running.stop()


def test_one_event_a_change_over_restarts(simulator: Simulator, dagster: Dagster) -> None:
    first = dagster.tick()
    assert first.status == TickStatus.SKIPPED, first.error
    assert (dagster.counts(), dagster.observed()) == ([0, 0, 0], [1, 1, 1]), "a first look is a baseline"
    dagster.tick()
    assert (dagster.counts(), dagster.observed()) == ([0, 0, 0], [1, 1, 1])

    simulator.workspace.change("prod", "gold", "orders", rows=43)
    simulator.workspace.change("prod", "raw", "tmp_events")  # excluded
    dagster.tick()
    assert dagster.counts() == [1, 0, 0]
    (orders,) = dagster.events(ORDERS)
    assert orders.metadata["dagster/row_count"].value == 43
    assert orders.metadata["dagster/column_schema"].value == dg.TableSchema(
        [
            dg.TableColumn("id", "bigint", constraints=dg.TableColumnConstraints(nullable=False)),
            dg.TableColumn("amount", "double"),
        ]
    )
    assert orders.metadata["dbxexplore/altered"].value == (ALTERED + 10_000) / 1_000_000
    assert orders.metadata["dbxexplore/change"].value == "data"
    assert orders.metadata["dagster/column_lineage"].value.deps_by_column == {"id": [dg.TableColumnDep(EVENTS, "id")]}

    dagster.restart()
    dagster.tick()
    assert dagster.counts() == [1, 0, 0]
    now = time.time_ns() // 1000
    simulator.workspace.change("prod", "raw", "events", altered_at=now)
    simulator.workspace.change("prod", "gold", "orders", altered_at=now)  # at the same microsecond
    dagster.tick()
    assert dagster.counts() == [2, 1, 0]
    # Seen late: it is older than what was reported already.
    simulator.workspace.change("prod", "gold", "daily", altered_at=now - 1_000_000)
    dagster.restart()
    dagster.tick()
    dagster.tick()
    assert dagster.counts() == [2, 1, 1]
    assert "dagster/row_count" not in dagster.events(DAILY)[0].metadata
    assert dagster.observed() == [1, 1, 1]
    assert not dagster.instance.get_runs()


def test_an_interrupted_tick_loses_nothing_and_doubles_nothing(
    simulator: Simulator, dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster.tick()
    for path in (("gold", "orders"), ("gold", "daily"), ("raw", "events")):
        simulator.workspace.change("prod", *path)
    stored: list[Any] = []
    report = dg.DagsterInstance.report_runless_asset_event

    def killed_after_two(instance: dg.DagsterInstance, event: Any) -> None:
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(event)
        report(instance, event)

    with monkeypatch.context() as patch:
        patch.setattr(dg.DagsterInstance, "report_runless_asset_event", killed_after_two)
        with pytest.raises(KeyboardInterrupt):
            dagster.tick()
    assert sum(dagster.counts()) == 2, "two of three were stored, and the cursor was not"
    dagster.restart()
    dagster.tick()
    assert dagster.counts() == [1, 1, 1]
    dagster.tick()
    assert dagster.counts() == [1, 1, 1]


def test_a_column_that_is_added_removed_or_retyped_fails_the_check(simulator: Simulator, dagster: Dagster) -> None:
    dagster.tick()
    simulator.workspace.change("prod", "gold", "orders", rows=43)
    dagster.tick()
    assert dagster.check() is None, "there is nothing to compare with"
    simulator.workspace.change("prod", "gold", "orders", columns=(("id", "string"), ("note", "string")))
    dagster.tick()
    evaluation = dagster.check().event.asset_check_evaluation
    assert not evaluation.passed
    assert "Added columns: note" in evaluation.description
    assert "Removed columns: amount" in evaluation.description
    assert "id: bigint -> string" in evaluation.description
    simulator.workspace.change("prod", "gold", "orders", rows=44)
    dagster.tick()
    assert dagster.check().event.asset_check_evaluation.passed
    assert dagster.counts() == [3, 0, 0]
    assert not dagster.instance.get_runs(), "no run is needed"
