"""What the unit tests share: one way of running property tests, a small catalog and a plain configuration."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.catalog import schema

# The same examples on every run and machine: a test that fails here fails for everyone, and none is slow by chance.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None, print_blob=False)
hypothesis.settings.load_profile("fixed")

# Made up; of the form that Databricks gives personal access tokens.
CANARY = "dapi0123456789abcdef0123456789abcdef"


@pytest.fixture
def canary() -> str:
    """A text that looks like a token and so must appear nowhere."""
    return CANARY


@pytest.fixture
def make_config() -> Callable[..., dbx.ConnectionConfig]:
    """Makes a configuration of which only what is given differs from a plain one."""

    def make(**fields: object) -> dbx.ConnectionConfig:
        plain: dict[str, object] = {
            "name": "databricks_unity_catalog",
            "settings": dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com"),
        }
        return dbx.ConnectionConfig(**(plain | fields))

    return make


@pytest.fixture
def small_frame() -> pd.DataFrame:
    """One object of each kind, and a second table, in no particular order."""
    return pd.DataFrame(
        {
            "kind": ["view", "table", "notebook", "schema", "catalog", "table"],
            "catalog": ["prod", "prod", None, "prod", None, "prod"],
            "schema": ["gold", "gold", None, None, None, "gold"],
            "name": ["daily", "orders", "Load", "gold", "prod", "customers"],
            "full_name": [
                "prod.gold.daily",
                "prod.gold.orders",
                "/Users/ann/Load",
                "prod.gold",
                "prod",
                "prod.gold.customers",
            ],
        }
    )


@pytest.fixture
def small_catalog(small_frame: pd.DataFrame) -> dbx.Catalog:
    return dbx.Catalog.from_frame(small_frame)


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
