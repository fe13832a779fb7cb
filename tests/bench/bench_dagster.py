# ruff: noqa: T201 - a bench prints
"""How long Dagster takes to know a connection's assets from its stored state.

Run ``python tests/bench/bench_dagster.py``. It prints one line a size and exits with 1 if 10,000 tables are not
defined within the budget. "Built" is the time from a state file on disk until there are definitions; "loaded" is
until Dagster has made a repository of them, which is its own work and is printed without a budget.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa

import dbxexplore as dbx
from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import ARROW_SCHEMA, table_from_columns

BUDGET = 3.0  # seconds for 10,000 tables
SIZES = (10_000, 100_000)
COLUMNS = 8  # of each table


def stored(tables: int) -> Catalog:
    """Return a catalog of so many tables, ten to a schema, with columns, owners and comments."""
    schemas = [f"schema_{at // 10:05d}" for at in range(tables)]
    names = [f"orders_by_region_{at:06d}" for at in range(tables)]
    columns = [
        {"name": f"column_{at}", "type": "bigint", "nullable": True, "comment": "What it holds"}
        for at in range(COLUMNS)
    ]
    now = pa.array(np.full(tables, 1_700_000_000_000), pa.timestamp("ms", tz="UTC"))
    table = table_from_columns(
        {
            "kind": ["table"] * tables,
            "catalog": ["prod"] * tables,
            "schema": schemas,
            "name": names,
            "full_name": [f"prod.{schema}.{name}" for schema, name in zip(schemas, names, strict=True)],
            "object_type": ["MANAGED"] * tables,
            "owner": ["data-eng@example.com"] * tables,
            "comment": ["Loaded nightly"] * tables,
            "format": ["DELTA"] * tables,
            "created_at": now,
            "updated_at": now,
            "columns": pa.array([columns] * tables, ARROW_SCHEMA.field("columns").type),
        },
        tables,
    )
    return Catalog.from_table(table, [], Provenance(workspace_url="https://dbc-1234abcd-56ef.cloud.databricks.com"))


def measure(tables: int, folder: Path) -> tuple[float, float]:
    """Return the seconds until there are definitions, and until there is a repository of them."""
    import dagster as dg

    from dbxexplore.dagster_sync import DatabricksConnectionComponent
    from dbxexplore.dagster_sync.state import State

    settings = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
    filters = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), tables=dbx.Patterns(deny=[".*_tmp$"]))
    document = dbx.ConnectionConfig(name="lakehouse", settings=settings, filters=filters).save(folder / "c.yaml")
    state = folder / f"state_{tables}"
    State(stored(tables)).save(state)
    component = DatabricksConnectionComponent(connection_file=document)
    context = dg.ComponentTree.for_test().load_context
    started = time.perf_counter()
    defs = component.build_defs_from_state(context, state)
    built = time.perf_counter() - started
    assert len(list(defs.assets or ())) == tables
    defs.get_repository_def()
    return built, time.perf_counter() - started


def main() -> int:
    """Measure and print; return the exit code."""
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder
        for tables in SIZES:
            built, loaded = measure(tables, Path(folder))
            budget = f"budget {BUDGET:.0f} s" if tables == SIZES[0] else "no budget"
            print(f"{tables:>7,} tables of {COLUMNS} columns: built {built:.2f} s ({budget}), loaded {loaded:.2f} s")
            kept = kept and (tables != SIZES[0] or built <= BUDGET)
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
