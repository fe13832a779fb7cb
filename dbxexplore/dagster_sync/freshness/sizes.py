"""How large an event becomes: Dagster takes messages of a limited size."""

from __future__ import annotations

import json
from collections.abc import Sequence

import dagster as dg

from dbxexplore.dagster_sync.translate import Column

_FIELD_NAMES = 150  # bytes of the names of the fields of one value


def size_of_columns(columns: Sequence[Column]) -> int:
    """Return about how many bytes Dagster makes of the columns of a table, 0 if there are none."""
    return sum(_FIELD_NAMES + len(json.dumps(column)) for column in columns)


def size_of_lineage(lineage: dg.TableColumnLineage | None) -> int:
    """Return about how many bytes Dagster makes of the lineage of a table's columns."""
    if lineage is None:
        return _FIELD_NAMES
    deps = (dep for deps in lineage.deps_by_column.values() for dep in deps)
    return _FIELD_NAMES + sum(_FIELD_NAMES + len(json.dumps([*dep.asset_key.path, dep.column_name])) for dep in deps)
