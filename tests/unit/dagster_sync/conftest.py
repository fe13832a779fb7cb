from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.catalog import schema

# Without Dagster there is nothing to import here, and so nothing to test.
collect_ignore_glob = [] if importlib.util.find_spec("dagster") else ["test_*.py"]


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture
def make_catalog() -> Callable[..., dbx.Catalog]:
    """Makes a catalog of (kind, catalog, schema, name) rows; a notebook's name is its path."""

    def make(
        *rows: tuple[str, str | None, str | None, str],
        failures: tuple[tuple[str, str, str], ...] = (),
        **columns: object,
    ) -> dbx.Catalog:
        full = [name if kind == "notebook" else ".".join(p for p in (c, s, name) if p) for kind, c, s, name in rows]
        frame = pd.DataFrame(
            {
                "kind": [row[0] for row in rows],
                "catalog": [row[1] for row in rows],
                "schema": [row[2] for row in rows],
                "name": [row[3].rpartition("/")[2] if row[0] == "notebook" else row[3] for row in rows],
                "full_name": full,
                **columns,
            }
        )
        provenance = dbx.Provenance(workspace_url="https://dbc-1234abcd-56ef.cloud.databricks.com")
        return dbx.Catalog.from_table(schema.table_from_frame(frame), failures, provenance)

    return make
