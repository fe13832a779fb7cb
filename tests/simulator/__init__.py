"""A Databricks workspace to be called over HTTP on this machine: any size, any names, any bad day.

::

    with Simulator(described()) as simulator:
        monkeypatch.setenv("DATABRICKS_CONNECTION_TOKEN", simulator.token)
        catalog = dbx.discover(dbx.ConnectionSettings(simulator.url))
        assert truth_of(catalog) == simulator.workspace.truth()

`Simulator` serves from a thread of the caller, `SimulatorProcess` from a process of its own, so that a
measurement of the client does not share a processor lock with the server.
"""

from __future__ import annotations

from simulator.faults import Faults, Record
from simulator.privileges import World, random_world
from simulator.process import SimulatorProcess
from simulator.server import Simulator
from simulator.workspace import (
    Catalog,
    Lineage,
    Notebook,
    Object,
    Schema,
    Table,
    Workspace,
    described,
    folder_tree,
    generated,
    truth_of,
)

__all__ = [
    "Catalog",
    "Faults",
    "Lineage",
    "Notebook",
    "Object",
    "Record",
    "Schema",
    "Simulator",
    "SimulatorProcess",
    "Table",
    "Workspace",
    "World",
    "described",
    "folder_tree",
    "generated",
    "random_world",
    "truth_of",
]
