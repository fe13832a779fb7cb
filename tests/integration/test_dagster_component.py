"""From an exported document to Dagster's assets, against a workspace on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import needs
import pytest
import yaml
from dagster_sandbox import refresh, specs
from simulator import Catalog, Faults, Notebook, Schema, Simulator, Table, Workspace

import dbxexplore as dbx
from dbxexplore import cli, errors

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg
from dagster._core.storage.defs_state.base import set_defs_state_storage
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster.components.core.component_tree import ComponentTree
from dagster.components.testing import create_defs_folder_sandbox

from dbxexplore.dagster_sync import DatabricksConnectionComponent

if TYPE_CHECKING:
    from dagster.components.testing.utils import DefsFolderSandbox

    from dbxexplore.demo import DemoWorkspace

pytestmark = pytest.mark.integration

NEVER = 10**9
VARIABLE = "DBXEXPLORE_TEST_SIMULATOR_TOKEN"


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


def lakehouse() -> Workspace:
    tables = [Table("orders"), Table("daily", "VIEW"), Table("customers", owner="account users")]
    return Workspace(
        catalogs=[
            Catalog("prod", [Schema("gold", tables), Schema("raw", [Table("events")])]),
            Catalog("dev", [Schema("s", [Table("t"), Table("kept")])]),
        ],
        folders={"/": ["/Shared"], "/Shared": [Notebook("/Shared/load"), Notebook("/Shared/report", "SQL")]},
    )


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    # With tables that may be dropped later, so that the simulator keeps no answer for the next time.
    with Simulator(lakehouse(), Faults(dropped={"dev.s.t": NEVER, "prod.raw.events": NEVER})) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as made:
        yield made


def connection(simulator: Simulator, **fields: Any) -> dbx.ConnectionConfig:
    settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE))
    return dbx.ConnectionConfig(name="lake", settings=settings, **fields)


def placed(sandbox: DefsFolderSandbox, config: dbx.ConnectionConfig) -> Path:
    path: Path = sandbox.scaffold_component(DatabricksConnectionComponent, "lake")
    (path / "defs.yaml").write_text(dbx.export.component_yaml(config, "connection.yaml"))
    config.save(path / "connection.yaml")
    return path


def expected(config: dbx.ConnectionConfig) -> set[tuple[str, ...]]:
    catalog = dbx.discover(config.settings, depth="details")
    return {tuple(key) for key in config.asset_keys(config.preview(catalog))}


# --- YAML in, asset keys out ---


def test_the_document_becomes_the_previews_assets(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    config = connection(
        simulator,
        filters=dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), notebooks=dbx.Patterns(["^/Shared/load$"])),
    )
    path = placed(sandbox, config)
    refresh(sandbox, path)
    wanted = expected(config)
    calls = simulator.record.total
    found = specs(sandbox, path)
    assert set(found) == wanted
    assert ("lake", "prod", "gold", "orders") in found
    assert ("lake", "notebooks", "Shared", "load") in found
    assert simulator.record.total == calls, "definitions called the workspace"
    orders = found["lake", "prod", "gold", "orders"]
    assert orders.metadata["dagster/column_schema"] == dg.TableSchema(
        [dg.TableColumn("id", "bigint", constraints=dg.TableColumnConstraints(nullable=False))]
    )
    assert orders.metadata["dagster/uri"].value == f"{simulator.url}/explore/data/prod/gold/orders"
    assert orders.owners == ["data-eng@example.com"]
    assert found["lake", "prod", "gold", "customers"].owners == ["team:account users"]


def test_notebooks_are_not_listed_where_the_filters_allow_none(
    simulator: Simulator, sandbox: DefsFolderSandbox
) -> None:
    config = connection(simulator, filters=dbx.Filters(notebooks=dbx.Patterns([])))
    path = placed(sandbox, config)
    refresh(sandbox, path)
    assert not simulator.record.paths["/api/2.0/workspace/list"]
    assert set(specs(sandbox, path)) == expected(config)


# --- a partial discovery ---


def test_a_denied_catalog_keeps_its_assets_as_stale(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    path = placed(sandbox, connection(simulator))
    refresh(sandbox, path)
    before = specs(sandbox, path)

    simulator.faults.denied = frozenset({"prod", "/Shared"})
    simulator.faults.dropped = {"dev.s.t": 0, "prod.raw.events": 0}
    refresh(sandbox, path)
    after = specs(sandbox, path)
    assert set(after) == set(before) - {("lake", "dev", "s", "t")}
    assert {key for key, spec in after.items() if "dbxexplore/stale" not in spec.tags} == {("lake", "dev", "s", "kept")}
    orders = ("lake", "prod", "gold", "orders")
    assert after[orders].tags["dbxexplore/stale"] == "denied"
    assert str(after[orders].metadata["dbxexplore/stale"]).startswith("prod could not be listed (denied): ")
    assert after[orders].metadata["dagster/column_schema"] == before[orders].metadata["dagster/column_schema"]

    simulator.faults.denied = frozenset()
    refresh(sandbox, path)
    again = specs(sandbox, path)
    assert set(again) == set(before) - {("lake", "dev", "s", "t"), ("lake", "prod", "raw", "events")}
    assert not any("dbxexplore/stale" in spec.tags for spec in again.values())


def test_the_same_in_versioned_storage(simulator: Simulator, sandbox: DefsFolderSandbox) -> None:
    path = placed(sandbox, connection(simulator))
    text = dbx.export.component_yaml(connection(simulator), "connection.yaml")
    state = "  defs_state:\n    management_type: VERSIONED_STATE_STORAGE\n"
    (path / "defs.yaml").write_text(text.replace("requirements:", f"{state}requirements:"))
    with dg.DagsterInstance.get() as instance, set_defs_state_storage(instance.defs_state_storage):
        refresh(sandbox, path)
        first = instance.defs_state_storage.get_latest_defs_state_info()
        simulator.faults.denied = frozenset({"prod"})
        refresh(sandbox, path)
        second = instance.defs_state_storage.get_latest_defs_state_info()
        key = "DatabricksConnectionComponent[lake]"
        assert first.get_version(key) != second.get_version(key)
        found = specs(sandbox, path)
    assert found["lake", "prod", "gold", "orders"].tags["dbxexplore/stale"] == "denied"
    assert "dbxexplore/stale" not in found["lake", "dev", "s", "t"].tags


@pytest.mark.parametrize("bad", ["token", "gone"])
def test_a_refresh_that_fails_leaves_the_state_as_it_was(
    simulator: Simulator, sandbox: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    path = placed(sandbox, connection(simulator))
    refresh(sandbox, path)
    before = set(specs(sandbox, path))
    if bad == "token":
        monkeypatch.setenv(VARIABLE, "not-this-one")
    else:
        simulator.faults.denied = frozenset({"/api/2.1/unity-catalog/catalogs"})
    if bad == "token":
        with pytest.raises(errors.UnauthorizedError):
            refresh(sandbox, path)
        assert set(specs(sandbox, path)) == before
    else:  # notebooks can still be listed, and everything else is kept
        refresh(sandbox, path)
        found = specs(sandbox, path)
        assert set(found) == before
        assert {key for key, spec in found.items() if "dbxexplore/stale" not in spec.tags} == {
            ("lake", "notebooks", "Shared", "load"),
            ("lake", "notebooks", "Shared", "report"),
        }


# --- an outage in development, where Dagster refreshes on loading ---


@pytest.mark.parametrize("management", ["LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"])
def test_an_outage_in_development_shows_what_is_stored(
    simulator: Simulator,
    sandbox: DefsFolderSandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    management: str,
) -> None:
    path = placed(sandbox, connection(simulator))
    text = dbx.export.component_yaml(connection(simulator), "connection.yaml")
    state = f"  defs_state:\n    management_type: {management}\n"
    (path / "defs.yaml").write_text(text.replace("requirements:", f"{state}requirements:"))
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    with dg.DagsterInstance.get() as instance, set_defs_state_storage(instance.defs_state_storage):
        simulator.faults.expired_after = 0
        with pytest.raises(Exception, match="Error while building") as caught:
            specs(sandbox, path)
        assert isinstance(caught.value.__cause__, errors.UnauthorizedError), "without a state the error stands"
        simulator.faults.expired_after = None
        before = specs(sandbox, path)
        assert before
        simulator.faults.expired_after = 0
        caplog.clear()
        assert set(specs(sandbox, path)) == set(before)
        (told,) = [text for text in caplog.messages if "could not be refreshed" in text]
        assert "of the connection 'lake' could not be refreshed: " in told
        assert f"The stored state of {datetime.now(UTC):%Y-%m-%d}" in told
        with pytest.raises(errors.UnauthorizedError):
            refresh(sandbox, path)


# --- a generated project ---


def dg_command(*arguments: str, project: Path, demo: DemoWorkspace) -> subprocess.CompletedProcess[str]:
    # The project is not installed, so its source is put on the path instead.
    # As the examples of the attributes name it.
    named = {"DATABRICKS_HOST": demo.url, "DATABRICKS_CONNECTION_TOKEN": demo.token}
    environment = {**os.environ, **demo.environment(), **named, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-c", "from dagster_dg_cli.cli import main; main()", *arguments]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_a_generated_project_shows_the_demo_workspace(
    demo_workspace: DemoWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dagster_dg_cli", reason=needs.package("dagster_dg_cli"))
    project = tmp_path / "project"
    export = ["export", "--format", "component", "--project", str(project), "--name", "demo-lake", "--json"]
    export += [
        "--url",
        demo_workspace.url,
        "--token-env-var",
        demo_workspace.token_env_var,
        "--allow-catalogs",
        "^prod",
    ]
    with pytest.raises(SystemExit) as left:
        cli.main(export)
    assert left.value.code == cli.DONE
    files = [Path(name) for name in json.loads(capsys.readouterr().out)["files"]]
    document = next(path for path in files if path.name == "connection.yaml")

    checked = dg_command("check", "defs", project=project, demo=demo_workspace)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All definitions loaded successfully" in checked.stdout
    assert demo_workspace.token not in checked.stdout + checked.stderr

    config = dbx.ConnectionConfig.load(document)
    monkeypatch.syspath_prepend(str(project / "src"))
    defs = ComponentTree.for_project(project).build_defs()
    found = {tuple(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert found == expected(config)
    assert ("demo-lake", "prod", "gold", "orders") in found


def register(project: Path) -> None:
    """Register the component as an installed package does, whether or not the one that runs here was installed since."""
    about = project / "src" / "registered-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: registered\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[dagster_dg_cli.registry_modules]\nregistered = dbxexplore.dagster_sync\n")


BAD = {
    "an unknown key": ("filters", {"tabels": {"allow": [".*"]}}, "tabels"),
    "a cron expression": ("schedule", {"cron": "at six"}, "at six"),
    "a rule set": ("dialect", "datahubb", "datahubb"),
}


def test_dg_check_yaml_refuses_bad_documents(demo_workspace: DemoWorkspace, tmp_path: Path) -> None:
    pytest.importorskip("dagster_dg_cli", reason=needs.package("dagster_dg_cli"))
    settings = dbx.ConnectionSettings(demo_workspace.url, dbx.TokenAuth(demo_workspace.token_env_var))
    project = tmp_path / "project"
    dbx.export.write_project(dbx.ConnectionConfig(name="lake", settings=settings), project)
    register(project)
    defs = project / "src" / "lake" / "defs" / "lake" / "defs.yaml"
    good = yaml.safe_load(defs.read_text())
    inline = {
        "version": 1,
        "name": "lake",
        "settings": {"workspace_url": "{{ env.DATABRICKS_HOST }}", "auth": {"kind": "token", "env_var": "ANY"}},
        "filters": {"tables": {"deny": [r"^a{2}\\.{{x}}$"]}},
    }

    def check(attributes: dict[str, object]) -> subprocess.CompletedProcess[str]:
        defs.write_text(yaml.safe_dump({**good, "attributes": attributes}))
        return dg_command("check", "yaml", project=project, demo=demo_workspace)

    for attributes in ({"connection_file": "connection.yaml"}, {"connection": inline}):
        checked = check(attributes)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    for key, value, said in BAD.values():
        checked = check({"connection": {**inline, key: value}})
        assert checked.returncode != 0
        assert said in checked.stdout + checked.stderr
    for attributes in ({"connection_file": "connection.yaml", "connection": inline}, {}):
        assert check(attributes).returncode != 0

    shown = dg_command(
        "utils",
        "inspect-component",
        "dbxexplore.dagster_sync.DatabricksConnectionComponent",
        project=project,
        demo=demo_workspace,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    attributes = json.loads(shown.stdout.partition("Component schema:")[2])["properties"]
    assert all("description" in about for name, about in attributes.items() if name != "defs_state"), attributes
    examples = {name: about["examples"][0] for name, about in attributes.items() if "examples" in about}
    assert {"connection", "freshness_interval", "refresh_schedule"} <= set(examples)
    checked = check({name: example for name, example in examples.items() if name != "connection_file"})
    assert checked.returncode == 0, checked.stdout + checked.stderr
    checked = dg_command("check", "defs", project=project, demo=demo_workspace)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_dg_knows_the_component(demo_workspace: DemoWorkspace, tmp_path: Path) -> None:
    pytest.importorskip("dagster_dg_cli", reason=needs.package("dagster_dg_cli"))
    register(tmp_path)
    listed = dg_command("list", "components", "--json", project=tmp_path, demo=demo_workspace)
    assert listed.returncode == 0, listed.stderr
    assert "dbxexplore.dagster_sync.DatabricksConnectionComponent" in json.dumps(json.loads(listed.stdout))


def test_two_large_connections_load_in_one_code_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_dg_cli", reason=needs.package("dagster_dg_cli"))
    columns = tuple((f"column_{at}", "bigint") for at in range(60))
    wide = Workspace([Catalog("prod", [Schema("gold", [Table(f"t{at}", columns=columns) for at in range(150)])])])
    project = tmp_path / "project"
    with Simulator(wide) as simulator:
        monkeypatch.setenv(VARIABLE, simulator.token)
        config = connection(simulator)
        dbx.export.write_project(config, project)
        defs = project / "src" / "lake" / "defs"
        (defs / "other").mkdir()
        (defs / "other" / "defs.yaml").write_text((defs / "lake" / "defs.yaml").read_text())
        config.model_copy(update={"name": "other"}).save(defs / "other" / "connection.yaml")
        monkeypatch.syspath_prepend(str(project / "src"))
        for component in ComponentTree.for_project(project).get_all_components(of_type=DatabricksConnectionComponent):
            asyncio.run(component.refresh_state(project))
    # Each would fit into it without the other; both take 4.5 MB if whole.
    monkeypatch.setenv("DAGSTER_GRPC_MAX_RX_BYTES", "3000000")
    monkeypatch.setenv("PYTHONPATH", f"{project / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    target = ModuleTarget(
        "lake.definitions", attribute=None, working_directory=str(project / "src"), location_name="lake"
    )
    with (
        dg.DagsterInstance.get() as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        (entry,) = workspace.create_request_context().get_code_location_entries().values()
        assert entry.load_error is None
        (repository,) = entry.code_location.get_repositories().values()
        schemas: dict[str, int] = {"lake": 0, "other": 0}
        for key in repository.asset_graph.get_all_asset_keys():
            metadata = repository.asset_graph.get(key).metadata
            schemas[key.path[0]] += "dagster/column_schema" in metadata
        assert len(repository.asset_graph.get_all_asset_keys()) == 300
        assert 0 < schemas["lake"] == schemas["other"] < 150
