"""Lineage in the stored state, and the job that refreshes it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import needs
import pytest
from dagster_sandbox import refresh, specs
from simulator import Catalog, Lineage, Schema, Simulator, Table, Workspace

import dbxexplore as dbx

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg
from dagster._core.storage.defs_state.base import set_defs_state_storage
from dagster.components.testing import create_defs_folder_sandbox

from dbxexplore.dagster_sync import DatabricksConnectionComponent

if TYPE_CHECKING:
    from dagster.components.testing.utils import DefsFolderSandbox

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_REFRESH_TOKEN"
ORDERS = ("lake", "prod", "gold", "orders")
EVENTS = ("lake", "prod", "raw", "events")


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    gold = [Table("orders"), Table("daily", "VIEW", definition="SELECT 1 -- ```")]
    workspace = Workspace(
        [Catalog("prod", [Schema("gold", gold), Schema("raw", [Table("events"), Table("tmp")])])],
        warehouses={"running01": "RUNNING"},
        lineage=[
            Lineage(("prod", "raw", "events"), ("prod", "gold", "orders"), (("id", "id"),)),
            Lineage(("prod", "raw", "tmp"), ("prod", "gold", "orders")),
            Lineage(("prod", "gold", "orders"), ("prod", "gold", "daily"), (("id", "n"),)),
        ],
    )
    with Simulator(workspace) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as made:
        yield made


def placed(sandbox: DefsFolderSandbox, simulator: Simulator, state: str = "LOCAL_FILESYSTEM", **fields: Any) -> Path:
    config = dbx.ConnectionConfig(
        name="lake",
        settings=dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), "running01"),
        filters=dbx.Filters(tables=dbx.Patterns(deny=[r".*\.tmp$"])),
        **fields,
    )
    path: Path = sandbox.scaffold_component(DatabricksConnectionComponent, "lake")
    text = dbx.export.component_yaml(config, "connection.yaml")
    kept = f"  defs_state:\n    management_type: {state}\n"
    (path / "defs.yaml").write_text(text.replace("requirements:", f"{kept}requirements:"))
    config.save(path / "connection.yaml")
    return path


def upstream(spec: dg.AssetSpec) -> list[tuple[str, ...]]:
    return [tuple(dep.asset_key.path) for dep in spec.deps]


def test_lineage_is_read_once_and_kept_in_the_state(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    path = placed(sandbox, simulator)
    refresh(sandbox, path)
    calls = simulator.record.total
    found = specs(sandbox, path)
    assert simulator.record.total == calls, "definitions called the workspace"
    assert upstream(found[ORDERS]) == [EVENTS]
    assert found[ORDERS].metadata["dbxexplore/upstream_outside"].data == ["prod.raw.tmp"]
    daily = found["lake", "prod", "gold", "daily"]
    assert upstream(daily) == [ORDERS]
    assert daily.metadata["dagster/column_lineage"].deps_by_column == {
        "n": [dg.TableColumnDep(dg.AssetKey(ORDERS), "id")]
    }
    assert daily.metadata["dbxexplore/view_definition"].value == "````sql\nSELECT 1 -- ```\n````"


@pytest.mark.parametrize(
    "faults",
    [
        {"statement_fails": {"lineage": "[INSUFFICIENT_PERMISSIONS] no access to system.access"}},
        {"denied": {"/api/2.0/sql/statements"}},
        {"broken": {"/api/2.0/sql/warehouses/running01": 404}},
    ],
)
def test_lineage_that_cannot_be_read_stays_as_it_was(
    simulator: Simulator, sandbox: DefsFolderSandbox, caplog: pytest.LogCaptureFixture, faults: dict[str, Any]
) -> None:
    path = placed(sandbox, simulator)
    refresh(sandbox, path)
    simulator.workspace.lineage.clear()
    for name, value in faults.items():
        setattr(simulator.faults, name, value)
    caplog.set_level(logging.WARNING, "dbxexplore")
    refresh(sandbox, path)
    assert "The lineage of earlier refreshes is kept." in caplog.text
    caplog.clear()
    assert upstream(specs(sandbox, path)[ORDERS]) == [EVENTS]
    assert "The lineage shown is from an earlier refresh." in caplog.text
    for name, value in faults.items():
        setattr(simulator.faults, name, {} if isinstance(value, dict) else frozenset())
    refresh(sandbox, path)
    assert upstream(specs(sandbox, path)[ORDERS]) == [], "read again, and empty is empty"


def tag_orders(simulator: Simulator, tags: dict[str, str]) -> None:
    gold = simulator.workspace.catalogs[0].schemas[0]
    gold.tables[0] = dataclasses.replace(gold.tables[0], tags=tags)


TAGGED = {"team": "sales", "cost centre": "Süd 7", "pii": "", "key": "dapi0123456789abcdef0123456789abcdef"}


def test_tags_of_unity_catalog_are_tags_of_the_assets(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    tag_orders(simulator, TAGGED)
    path = placed(sandbox, simulator)
    refresh(sandbox, path)
    found = specs(sandbox, path)
    assert {name: value for name, value in found[ORDERS].tags.items() if name.startswith("unity_catalog/")} == {
        "unity_catalog/team": "sales",
        "unity_catalog/cost_centre": "S_d_7",
        "unity_catalog/pii": "",
        "unity_catalog/key": "_",
    }
    assert found[ORDERS].metadata["dbxexplore/tags"].data == {**TAGGED, "key": "***"}
    assert not [name for name in found[EVENTS].tags if name.startswith("unity_catalog/")]
    assert "dbxexplore/tags" not in found[EVENTS].metadata


def test_tags_that_cannot_be_read_stay_as_they_were(
    simulator: Simulator, sandbox: DefsFolderSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    tag_orders(simulator, {"team": "sales"})
    path = placed(sandbox, simulator)
    refresh(sandbox, path)
    tag_orders(simulator, {})
    simulator.faults.statement_fails = {"table_tags": "[INSUFFICIENT_PERMISSIONS] no"}
    refresh(sandbox, path)
    assert "The tags of earlier refreshes are kept." in caplog.text
    assert specs(sandbox, path)[ORDERS].tags["unity_catalog/team"] == "sales"
    assert "The tags shown are from an earlier refresh." in caplog.text
    simulator.faults.statement_fails = {}
    refresh(sandbox, path)
    assert "unity_catalog/team" not in specs(sandbox, path)[ORDERS].tags


def test_a_first_refresh_without_lineage_is_no_failure(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    simulator.faults.statement_fails = {"lineage": "no"}
    path = placed(sandbox, simulator)
    refresh(sandbox, path)
    assert upstream(specs(sandbox, path)[ORDERS]) == []


@pytest.mark.parametrize("state", ["LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"])
def test_the_scheduled_job_refreshes_the_state(simulator: Simulator, sandbox: DefsFolderSandbox, state: str) -> None:
    path = placed(sandbox, simulator, state, schedule=dbx.Schedule(cron="0 6 * * *"))
    with dg.DagsterInstance.get() as instance:
        with set_defs_state_storage(instance.defs_state_storage):
            with sandbox.load_component_and_build_defs(path) as (_, defs):
                (schedule,) = defs.get_repository_def().schedule_defs
                assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
                job = defs.resolve_job_def(schedule.job_name)
            assert specs(sandbox, path) == {}
        done = job.execute_in_process(instance=instance)
        assert done.success
        with set_defs_state_storage(instance.defs_state_storage):
            assert upstream(specs(sandbox, path)[ORDERS]) == [EVENTS]
        simulator.faults.denied = frozenset({"prod"})
        assert job.execute_in_process(instance=instance).success
        with set_defs_state_storage(instance.defs_state_storage):
            assert specs(sandbox, path)[ORDERS].tags["dbxexplore/stale"] == "denied"


def test_a_refresh_that_fails_fails_the_run(
    simulator: Simulator, sandbox: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(sandbox, simulator, schedule=dbx.Schedule(cron="0 6 * * *"))
    refresh(sandbox, path)
    with sandbox.load_component_and_build_defs(path) as (_, defs), dg.DagsterInstance.get() as instance:
        job = defs.resolve_job_def(defs.get_repository_def().schedule_defs[0].job_name)
        monkeypatch.setenv(VARIABLE, "not-this-one")
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    monkeypatch.setenv(VARIABLE, simulator.token)
    assert ORDERS in specs(sandbox, path)


class RunsElsewhere(dg.DefaultRunLauncher):
    """Stands for a launcher of another package, which starts runs in containers of their own."""


@pytest.mark.parametrize("state", ["LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"])
def test_a_state_that_nobody_would_read_is_not_stored(
    simulator: Simulator, sandbox: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str
) -> None:
    launcher = f"run_launcher:\n  module: {__name__}\n  class: RunsElsewhere\n"
    (tmp_path / "dagster.yaml").write_text(launcher)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    path = placed(sandbox, simulator, state, schedule=dbx.Schedule(cron="0 6 * * *"))
    with dg.DagsterInstance.get() as instance:
        with (
            set_defs_state_storage(instance.defs_state_storage),
            sandbox.load_component_and_build_defs(path) as (_, defs),
        ):
            job = defs.resolve_job_def(defs.get_repository_def().schedule_defs[0].job_name)
        done = job.execute_in_process(instance=instance, raise_on_error=False)
    assert done.success == (state != "LOCAL_FILESYSTEM")
    failed = [event.step_failure_data.error.message for event in done.all_events if event.is_step_failure]
    assert all("RunsElsewhere starts this run in another container" in message for message in failed)
    assert len(failed) == (state == "LOCAL_FILESYSTEM")
