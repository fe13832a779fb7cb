"""Lineage: which table is made from which, and which column from which, as Unity Catalog has recorded it.

It is read from two system tables through a SQL warehouse, one aggregated statement each. They record a subset of all
reads and writes, since lineage cannot always be inferred, and they are filled with some delay. Reading them takes
``SELECT`` on ``system.access``, which an account admin has to enable and grant.

Source: the lineage system tables (https://docs.databricks.com/admin/system-tables/lineage).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.discovery.arguments import check_catalogs
from dbxexplore.discovery.statements import Query
from dbxexplore.discovery.warehouse import SqlWarehouse

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

DAYS = 90
_MOST_NAMED = 200  # catalogs that a statement names; for more, it asks for all

_PARTS = ("catalog", "schema", "name")
TABLE_LINEAGE = pa.schema([(f"{end}_{part}", pa.string()) for end in ("source", "target") for part in _PARTS])
COLUMN_LINEAGE = pa.schema([*TABLE_LINEAGE, ("source_column", pa.string()), ("target_column", pa.string())])
_WHAT = {"table_lineage": TABLE_LINEAGE, "column_lineage": COLUMN_LINEAGE}


@dataclass(frozen=True)
class Lineage:
    """What is known of lineage; None is unknown, which is not the same as empty.

    ``tables`` has one row for each pair of a table and one that it was written from: ``source_catalog``,
    ``source_schema``, ``source_name`` and the same of ``target``, all text. ``columns`` has one row for each pair of
    columns, with ``source_column`` and ``target_column`` as well. ``problems`` says why something is unknown, or was
    kept from an earlier time. ``taken_at`` is in UTC.
    """

    tables: pa.Table | None = None
    columns: pa.Table | None = None
    problems: tuple[str, ...] = field(default=())
    taken_at: datetime | None = None

    def or_else(self, earlier: Lineage | None) -> Lineage:
        """Return this lineage, with what is unknown in it as it was known before.

        Columns of before are kept for those pairs of tables alone that are still known, because a pair that is gone
        has no columns either.
        """
        if earlier is None or (self.tables is not None and self.columns is not None):
            return self
        tables = earlier.tables if self.tables is None else self.tables
        columns = self.columns
        if columns is None and earlier.columns is not None:
            columns = earlier.columns if self.tables is None else _of_pairs(earlier.columns, self.tables)
        taken = self.taken_at if self.tables is not None else earlier.taken_at
        return Lineage(tables, columns, self.problems, taken)


def read_lineage(
    source: ConnectionSettings | WorkspaceClient,
    *,
    warehouse_id: str | None = None,
    catalogs: Sequence[str] | None = None,
    days: int = DAYS,
    patience: float | None = None,
) -> Lineage:
    """Read the lineage of tables and of columns.

    Args:
        source: connection settings, or a Databricks SDK client whose credential is used.
        warehouse_id: the SQL warehouse that answers; None is that of the settings. It is started if it rests.
        catalogs: names of the catalogs whose tables' upstream is wanted; None means all.
        days: how far back events count, by their date; the system tables keep a year.
        patience: seconds that the warehouse may take to start; None waits for minutes.

    Returns:
        A `Lineage`. What cannot be read is unknown in it, and its ``problems`` say why: it never raises for that.

    Raises:
        SettingsError: an argument or the credential cannot be used, or there is no warehouse; nothing was called.
    """
    names = check_catalogs(catalogs)
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        msg = f"days is {days!r}"
        raise errors.SettingsError(msg, expected="a whole number of days, at least 1")
    taken_at = datetime.now(UTC)
    queries = [_query(relation, schema, names, days) for relation, schema in _WHAT.items()]
    with SqlWarehouse(source, warehouse_id, patience=patience) as warehouse:
        try:
            tables, columns = warehouse.ask(*queries)
        except errors.WorkspaceError as error:
            return Lineage(problems=(f"Lineage could not be read. {error}",))
    problems = [
        f"system.access.{relation} could not be read. {answer}"
        for relation, answer in zip(_WHAT, (tables, columns), strict=True)
        if isinstance(answer, errors.WorkspaceError)
    ]
    return Lineage(_known(tables), _known(columns), tuple(problems), taken_at)


def _of_pairs(columns: pa.Table, tables: pa.Table) -> pa.Table:
    return columns.filter(pc.is_in(_pairs(columns), value_set=_pairs(tables)))


def _pairs(table: pa.Table) -> pa.ChunkedArray:
    # No name holds a zero byte, so that no two pairs are joined to one text.
    return pc.binary_join_element_wise(*(table.column(name) for name in TABLE_LINEAGE.names), "\0")


def _known(answer: pa.Table | errors.WorkspaceError) -> pa.Table | None:
    return None if isinstance(answer, errors.WorkspaceError) else answer


def _query(relation: str, schema: pa.Schema, catalogs: Sequence[str] | None, days: int) -> Query:
    # By the parts of a name, because a full name whose parts hold dots cannot be taken apart again.
    columns = {name: _column(name) for name in schema.names}
    wanted = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    conditions = [f"event_date >= date_sub(current_date(), {days})"]
    # An event that only reads or only writes has but one of the two, and one on a path has no table.
    conditions += [f"{column} IS NOT NULL" for column in columns.values()]
    parameters = {}
    if catalogs is not None and len(catalogs) <= _MOST_NAMED:
        parameters = {f"catalog_{at}": name for at, name in enumerate(catalogs)}
        markers = ", ".join(f":{name}" for name in parameters) or "NULL"
        conditions.append(f"target_table_catalog IN ({markers})")
    text = f"SELECT DISTINCT {wanted} FROM system.access.{relation} WHERE {' AND '.join(conditions)}"  # noqa: S608 - no text of a workspace is in it
    return Query(text, tuple(schema.names), parameters, names=frozenset(schema.names))


def _column(name: str) -> str:
    end, _, part = name.partition("_")
    return f"{end}_column_name" if part == "column" else f"{end}_table_{part}"
