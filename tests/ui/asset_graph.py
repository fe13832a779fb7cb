"""Take the picture of the asset graph that the README shows: ``python tests/ui/asset_graph.py``.

The workspace is a simulated one, because the demo workspace records no lineage. Everything else is real: the exported
project, Dagster's webserver and daemon, and the browser.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # as pytest has it on the path
    sys.path.insert(0, str(Path(__file__).parent.parent))

from lab import chromium, wait_until
from playwright.sync_api import Browser, expect
from simulator import Catalog, Lineage, Schema, Simulator, Table, Workspace

import dbxexplore as dbx

IMAGE = Path(__file__).parent.parent.parent / "notebooks" / "images" / "asset-graph.png"
VARIABLE = "DATABRICKS_CONNECTION_TOKEN"
NAME = "lakehouse"
LOCATION = f"{NAME}.definitions"
COLUMNS = (("id", "bigint"), ("customer_id", "bigint"), ("amount", "decimal(18,2)"), ("day", "date"))

# What someone who has Databricks' tables as assets would put beside them.
DOWNSTREAM = """\
import dagster as dg


@dg.asset(
    deps=[dg.AssetKey(["lakehouse", "prod", "gold", "daily_revenue"])],
    automation_condition=dg.AutomationCondition.eager(),
    description="Runs whenever the table in Databricks has changed",
    group_name="lakehouse",
)
def revenue_report() -> None: ...


automation = dg.AutomationConditionSensorDefinition(
    "automation",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)
"""


def workspace() -> Workspace:
    """Return bronze, silver and gold tables, and how they were made from each other."""
    comments = {
        ("bronze", "orders_raw"): "Orders as the shop sends them",
        ("bronze", "customers_raw"): "Customers, one row a change",
        ("silver", "orders"): "Orders, cleaned, one row each",
        ("silver", "customers"): "Customers as they are now",
        ("gold", "daily_revenue"): "Revenue by day",
        ("gold", "best_customers"): "Customers by revenue",
    }
    schemas = [
        Schema(
            schema,
            [
                Table(
                    name,
                    "VIEW" if name == "best_customers" else "MANAGED",
                    owner="data-eng",
                    comment=comment,
                    columns=COLUMNS,
                    rows=1200,
                    definition="SELECT * FROM prod.silver.customers" if name == "best_customers" else None,
                )
                for (within, name), comment in comments.items()
                if within == schema
            ],
        )
        for schema in ("bronze", "silver", "gold")
    ]
    same = tuple((name, name) for name, _ in COLUMNS)
    pairs = [
        (("bronze", "orders_raw"), ("silver", "orders")),
        (("bronze", "customers_raw"), ("silver", "customers")),
        (("silver", "orders"), ("gold", "daily_revenue")),
        (("silver", "orders"), ("gold", "best_customers")),
        (("silver", "customers"), ("gold", "best_customers")),
    ]
    return Workspace(
        [Catalog("prod", schemas)],
        warehouses={"running01": "RUNNING"},
        lineage=[Lineage(("prod", *source), ("prod", *target), same) for source, target in pairs],
    )


def write_project(simulator: Simulator, folder: Path) -> Path:
    """Export the connection as a project, and put an asset of its own beside it."""
    settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), "running01")
    filters = dbx.Filters(notebooks=dbx.Patterns([]))
    config = dbx.ConnectionConfig(name=NAME, settings=settings, filters=filters)
    project = folder / "project"
    dbx.export.write_project(config, project)
    defs = project / "src" / NAME / "defs"
    (defs / "report.py").write_text(DOWNSTREAM, encoding="utf-8")
    text = (defs / NAME / "defs.yaml").read_text(encoding="utf-8")
    quick = text.replace("connection.yaml", "connection.yaml\n  freshness_interval: 5", 1)
    (defs / NAME / "defs.yaml").write_text(quick, encoding="utf-8")
    return project


@dataclass
class Webserver:
    """A Dagster that serves a project."""

    url: str

    def ask(self, query: str, **variables: object) -> Any:
        """Return what a GraphQL query answers with."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def assets(self) -> dict[str, dict[str, Any]]:
        """Return the assets by name: what they depend on, how often they were materialized, and their check's status."""
        nodes = self.ask(
            """{ assetNodes {
                assetKey { path } dependencyKeys { path } assetMaterializations { timestamp }
                assetObservations { timestamp }
                assetChecksOrError { ... on AssetChecks {
                    checks { name executionForLatestMaterialization { status } }
                } }
            } }"""
        )["assetNodes"]
        return {node["assetKey"]["path"][-1]: _plain(node) for node in nodes}

    def switch_on(self, sensor: str) -> None:
        """Start a sensor, as its switch does."""
        done = self.ask(
            """mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector) {
                __typename ... on Sensor { sensorState { status } }
            } }""",
            selector=_selector(sensor),
        )
        assert done["startSensor"].get("sensorState") == {"status": "RUNNING"}, done

    def last_tick(self, sensor: str) -> float:
        """Return when the latest tick of a sensor that came to an end began, in seconds since 1970."""
        found = self.ask(
            """query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
                ... on Sensor { sensorState { ticks(limit: 5) { timestamp status } } }
            } }""",
            selector=_selector(sensor),
        )
        ticks = found["sensorOrError"]["sensorState"]["ticks"]
        return max((tick["timestamp"] for tick in ticks if tick["status"] in {"SKIPPED", "SUCCESS"}), default=0.0)


def _selector(sensor: str) -> dict[str, str]:
    return {"sensorName": sensor, "repositoryName": "__repository__", "repositoryLocationName": LOCATION}


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    runs = [check["executionForLatestMaterialization"] for check in node["assetChecksOrError"].get("checks", ())]
    return {
        "upstream": sorted(key["path"][-1] for key in node["dependencyKeys"]),
        "materializations": len(node["assetMaterializations"]),
        "observations": len(node["assetObservations"]),
        "materialized_at": max((int(one["timestamp"]) / 1000 for one in node["assetMaterializations"]), default=0.0),
        "check": next((run["status"] for run in runs if run), None),
    }


@contextlib.contextmanager
def dagster_dev(project: Path, home: Path, environment: Mapping[str, str]) -> Iterator[Webserver]:
    """Run `dagster dev` on a free port of this machine; stop it and what it started at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n", encoding="utf-8")
    source = str(project / "src")
    command = [sys.executable, "-m", "dagster", "dev", "-m", LOCATION, "-d", source]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    variables = {
        **os.environ,
        **environment,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")])),
    }
    log = home / "dagster.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=project, env=variables, stdout=out, stderr=out, start_new_session=True)
    try:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_until("the webserver answers", lambda: _answers(webserver, server, log), 120)
        yield webserver
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # a job in the background has its children ignore SIGINT
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def _answers(webserver: Webserver, server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text(encoding="utf-8")[-3000:]
    try:
        return bool(webserver.assets())
    except OSError:
        return False


def live(simulator: Simulator, webserver: Webserver) -> dict[str, dict[str, Any]]:
    """Switch the sensor on, change tables twice, wait until Dagster has seen all of it, and return the assets."""

    tables = [
        (schema.name, table.name) for schema in simulator.workspace.catalogs[0].schemas for table in schema.tables
    ]
    webserver.switch_on(f"{NAME}_freshness")
    wait_until("a first look", lambda: _each(webserver, tables, "observations"), 240)
    assert not any(asset["materializations"] for asset in webserver.assets().values()), "a first look runs nothing"
    for schema, name in tables:
        simulator.workspace.change("prod", schema, name, rows=1200)

    def once() -> bool:
        assets = webserver.assets()
        # Dagster takes a change that comes to its notice together with the run before it as answered by that run.
        noticed = webserver.last_tick("automation") > assets["revenue_report"]["materialized_at"]
        return noticed and all(asset["materializations"] for asset in assets.values())

    wait_until("every asset has a materialization, the one downstream too", once, 240)
    for schema, name in (("silver", "orders"), ("gold", "daily_revenue"), ("gold", "best_customers")):
        simulator.workspace.change("prod", schema, name, rows=1300)
    simulator.workspace.change("prod", "bronze", "orders_raw", columns=(*COLUMNS, ("voucher", "string")))

    def again() -> dict[str, dict[str, Any]] | None:
        assets = webserver.assets()
        checks = [asset["check"] for asset in assets.values()]
        done = checks.count("SUCCEEDED") + checks.count("FAILED") == 4
        return assets if done and assets["revenue_report"]["materializations"] > 1 else None

    found: dict[str, dict[str, Any]] = wait_until("the changes are seen and checked", again, 240)
    return found


def _each(webserver: Webserver, tables: list[tuple[str, str]], what: str) -> bool:
    assets = webserver.assets()
    return all(assets[name][what] for _, name in tables)


def take(browser: Browser, webserver: Webserver, target: Path) -> None:
    """Open the asset graph, and take a picture of it once every table is shown with its state."""
    page = browser.new_page(viewport={"width": 1600, "height": 640}, device_scale_factor=2)
    page.goto(f"{webserver.url}/asset-groups")
    page.get_by_text("Hide navigation").click()
    page.reload()  # so that the graph is fitted into the space that there is now
    expect(page.get_by_text("0 / 1 Passed").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("1 / 1 Passed").first).to_be_visible(timeout=60_000)
    # The graph alone: the last of the texts with a name is that in the graph, the first that in the list.
    first, last, low = (
        page.get_by_text(name, exact=True).last.bounding_box()
        for name in ("customers_raw", "revenue_report", "daily_revenue")
    )
    assert first
    assert last
    assert low
    left, top = first["x"] - 40, first["y"] - 25
    clip = {"x": left, "y": top, "width": last["x"] + 245 - left, "height": low["y"] + 145 - top}
    page.screenshot(path=target, clip=clip)  # type: ignore[arg-type]
    page.close()


def main() -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as scratch, Simulator(workspace()) as simulator, chromium() as browser:
        folder = Path(scratch)
        project = write_project(simulator, folder)
        with dagster_dev(project, folder / "home", {VARIABLE: simulator.token}) as webserver:
            live(simulator, webserver)
            take(browser, webserver, IMAGE)


if __name__ == "__main__":
    main()
