"""A small catalog with the troubles that widgets meet."""

from __future__ import annotations

import os
from pathlib import Path

import ipywidgets
import pandas as pd
import pytest
from widget_names import HOSTILE

import dbxexplore as dbx


@pytest.fixture(autouse=True)
def _no_connection_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "no such file"))


@pytest.fixture
def focused(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is focused from now on, whether or not this ipywidgets can do so."""
    found: list[object] = []

    def focus(control: ipywidgets.DOMWidget) -> None:
        found.append(control)

    monkeypatch.setattr(ipywidgets.DOMWidget, "focus", focus, raising=False)
    return found


@pytest.fixture
def catalog() -> dbx.Catalog:
    rows = [("catalog", None, None, name, name, None) for name in ("prod", "prod_mumbai", HOSTILE)]
    for schema in ("gold", "tmp"):
        rows.append(("schema", "prod", None, schema, f"prod.{schema}", None))
        rows += [
            ("table", "prod", schema, f"t{n:02}", f"prod.{schema}.t{n:02}", "a & <b>comment</b>") for n in range(25)
        ]
    rows.append(("view", "prod", "gold", HOSTILE, f"prod.gold.{HOSTILE}", None))
    rows.append(("table", "unlisted", "inner", "orders", "unlisted.inner.orders", None))
    rows.append(("notebook", None, None, "etl", "/Shared/etl", None))
    columns = ["kind", "catalog", "schema", "name", "full_name", "comment"]
    return dbx.Catalog.from_frame(pd.DataFrame(rows, columns=columns))
