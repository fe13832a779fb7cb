# ruff: noqa: T201 - a bench prints
"""How long Dagster takes to know a connection's assets from its stored state.

Run ``python tests/bench/bench_dagster.py``. It prints one line a size and exits with 1 if 10,000 tables are not
defined within the budget. "Built" is the time from a state file on disk until there are definitions; "loaded" is
until Dagster has made a repository of them, and "sent" until a code server has made a message of that, which are its
own work and are printed without a budget. With lineage,
each table has two upstream tables and half of its columns are traced; with a warehouse there are the sensor and a
check of each table's columns as well, most of which is Dagster's own work.
"""

from __future__ import annotations

import gc
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
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage

BUDGET = 3.0  # seconds for 10,000 tables
SIZES = (10_000, 100_000)
COLUMNS = 8  # of each table
CASES: dict[str, dict[str, bool]] = {
    "no warehouse": {},
    "lineage and sensor": {"warehouse": True, "checks": False},
    "lineage, sensor and checks": {"warehouse": True},
}


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


def lineage_of(catalog: Catalog) -> Lineage:
    """Return two upstream tables of each table but the first, and where every other column of it comes from."""
    objects = catalog.objects
    names = list(zip(objects["catalog"].astype(str), objects["schema"].astype(str), objects["name"], strict=True))
    pairs = [(names[at // 2], names[at]) for at in range(1, len(names))]
    pairs += [(names[at - 1], names[at]) for at in range(1, len(names))]
    ends = [[row[end][part] for row in pairs] for end in range(2) for part in range(3)]
    columns = [f"column_{at}" for at in range(0, COLUMNS, 2)]
    traced = [np.repeat(np.array(values, dtype=object), len(columns)) for values in ends]
    own = np.tile(columns, len(pairs))
    return Lineage(
        pa.table(ends, schema=TABLE_LINEAGE),
        pa.table([pa.array(values, pa.string()) for values in (*traced, own, own)], schema=COLUMN_LINEAGE),
    )


def measure(tables: int, folder: Path, *, warehouse: bool = False, checks: bool = True) -> tuple[float, float, float]:
    """Return the seconds until there are definitions, a repository of them, and what a code server sends of it."""
    import dagster as dg
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster_shared.serdes import serialize_value

    from dbxexplore.dagster_sync import DatabricksConnectionComponent
    from dbxexplore.discovery.state import State

    url = "https://dbc-1234abcd-56ef.cloud.databricks.com"
    settings = dbx.ConnectionSettings(url, warehouse_id="abc123" if warehouse else None)
    filters = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), tables=dbx.Patterns(deny=[".*_tmp$"]))
    document = dbx.ConnectionConfig(name="lakehouse", settings=settings, filters=filters).save(folder / "c.yaml")
    state = folder / f"state_{tables}"
    catalog = stored(tables)
    State(catalog, lineage=lineage_of(catalog) if warehouse else Lineage()).save(state)
    component = DatabricksConnectionComponent(connection_file=document, schema_checks=checks)
    del catalog
    gc.collect()
    context = dg.ComponentTree.for_test().load_context
    started = time.perf_counter()
    defs = component.build_defs_from_state(context, state)
    built = time.perf_counter() - started
    assert len(list(defs.assets or ())) == tables
    repository = defs.get_repository_def()
    loaded = time.perf_counter() - started
    serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True))
    return built, loaded, time.perf_counter() - started


def main() -> int:
    """Measure and print; return the exit code."""
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder
        for tables in SIZES:
            for what, options in CASES.items():
                built, loaded, sent = measure(tables, Path(folder), **options)
                budget = f"budget {BUDGET:.0f} s" if tables == SIZES[0] else "no budget"
                print(
                    f"{tables:>7,} tables of {COLUMNS} columns, {what}: "
                    f"built {built:.2f} s ({budget}), loaded {loaded:.2f} s, sent {sent:.2f} s"
                )
                kept = kept and (tables != SIZES[0] or built <= BUDGET)
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
