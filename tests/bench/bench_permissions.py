# ruff: noqa: T201 - a bench prints
"""How long an audit of 1,000 schemas and 100,000 tables takes, beside what its calls take at least.

Run ``python tests/bench/bench_permissions.py``. The workspace answers each call after 50 ms, and 16 calls are made at a
time. It prints the calls beside the least that an audit of these schemas takes, and the time beside that of the calls; it
exits with 1 if the time is more than 1.5 times that.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulator import Faults, SimulatorProcess, World
from simulator.privileges import Securable, ServicePrincipal

import dbxexplore as dbx

LATENCY, AT_ONCE = 0.05, 16
CATALOGS, SCHEMAS, TABLES = 10, 100, 100
VARIABLE = "DBXEXPLORE_BENCH_TOKEN"
ADA, ROBOT = "ada@example.com", "5f1a0000-0000-4000-8000-000000000001"


def main() -> int:
    """Run the bench and return the exit code."""
    catalogs = [f"c{number}" for number in range(CATALOGS)]
    schemas = [f"{catalog}.s{number}" for catalog in catalogs for number in range(SCHEMAS)]
    world = World(
        (
            Securable(""),
            *(Securable(name, ADA, {ROBOT: {"USE_CATALOG"}}) for name in catalogs),
            *(Securable(name, ADA, {ROBOT: {"USE_SCHEMA", "SELECT"}}) for name in schemas),
        ),
        users=(ADA,),
        service_principals=(ServicePrincipal(ROBOT, "robot"),),
        workspace_admins=frozenset({ADA}),
        caller=ADA,
    )
    rows = [
        ("table", *name.split("."), f"t{number}", f"{name}.t{number}") for name in schemas for number in range(TABLES)
    ]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    preview = dbx.Filters().preview(dbx.Catalog.from_frame(frame))
    with SimulatorProcess(Faults(latency=LATENCY), world) as workspace:
        os.environ[VARIABLE] = workspace.token
        settings = dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(VARIABLE))
        started = time.monotonic()
        audit = dbx.permissions.audit(settings, preview, ROBOT)
        spent = time.monotonic() - started
    assert audit.ready, audit
    # Who is asked about, the catalogs and the schemas, one call each.
    least = 1 + CATALOGS + len(schemas)
    limit = audit.calls * LATENCY / AT_ONCE
    print(f"{audit.calls:,} calls, at least {least:,} are needed")
    print(f"audited {len(rows):,} tables in {spent:.2f} s: {spent / limit:.2f} times what the calls take (budget 1.5)")
    return int(spent > 1.5 * limit)


if __name__ == "__main__":
    sys.exit(main())
