"""Dagster's own webserver and daemon on an exported connection, seen in a browser."""

from __future__ import annotations

from pathlib import Path

import needs
import pytest
from playwright.sync_api import Browser
from simulator import Simulator

pytest.importorskip("dagster", reason=needs.package("dagster"))
pytest.importorskip("dagster_webserver", reason=needs.package("dagster_webserver"))

from asset_graph import VARIABLE, dagster_dev, live, take, workspace, write_project


def test_lineage_changes_and_checks_show_without_a_hand_and_what_is_downstream_runs(
    browser: Browser, tmp_path: Path
) -> None:
    with Simulator(workspace()) as simulator:
        project = write_project(simulator, tmp_path)
        with dagster_dev(project, tmp_path / "home", {VARIABLE: simulator.token}) as webserver:
            assets = live(simulator, webserver)
            take(browser, webserver, tmp_path / "graph.png")
        log = (tmp_path / "home" / "dagster.log").read_text()
    assert {name: asset["upstream"] for name, asset in assets.items()} == {
        "orders_raw": [],
        "customers_raw": [],
        "orders": ["orders_raw"],
        "customers": ["customers_raw"],
        "daily_revenue": ["orders"],
        "best_customers": ["customers", "orders"],
        "revenue_report": ["daily_revenue"],
    }
    assert {name: asset["check"] for name, asset in assets.items()} == {
        "orders_raw": "FAILED",
        "orders": "SUCCEEDED",
        "daily_revenue": "SUCCEEDED",
        "best_customers": "SUCCEEDED",
        "customers_raw": None,
        "customers": None,
        "revenue_report": None,
    }
    counts = {name: asset["materializations"] for name, asset in assets.items()}
    assert counts == {
        "orders_raw": 2,
        "customers_raw": 1,
        "orders": 2,
        "customers": 1,
        "daily_revenue": 2,
        "best_customers": 2,
        "revenue_report": 2,
    }
    assert (tmp_path / "graph.png").stat().st_size > 10_000
    assert simulator.token not in log
