"""What has changed in Unity Catalog since some moment, with the columns and the numbers of rows of what has.

A table counts as changed when ``last_altered`` of ``system.information_schema.tables`` has moved, which Databricks
documents as the time when "the relation definition was last altered in any way"
(https://docs.databricks.com/sql/language-manual/information-schema/tables). So a change of columns, properties or
owner is certain to be seen; whether each write of rows moves it is not documented. Two changes between two looks are
seen as one, the later. `read_history` tells changes of data from those of comments and properties.

Here are the statements for a SQL warehouse; `change_sources` has the same without one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from dbxexplore import errors
from dbxexplore.discovery.statements import Query, quoted
from dbxexplore.discovery.warehouse import SqlWarehouse

PAGE = 5_000  # changes that one statement brings
_MOST_NAMED = 200  # catalogs that a statement names; for more, it asks for all
_MOST_DESCRIBED = 100  # tables whose columns one statement reads
_MOST_COUNTED = 50  # tables whose rows one statement counts
_COUNTING = 8  # statements that count at one time
_COMMITS = 100  # of a table's history that are looked at
_MOST_COUNTS = 40  # statements in all that may be spent on counting
_NAMES = frozenset({"catalog", "schema", "name"})
_LEAST_TIME = 1.0  # seconds, with less of which no statement is begun any more


class TableName(NamedTuple):
    """The parts of the name of a table or view, which may hold dots."""

    catalog: str
    schema: str
    name: str


@dataclass(frozen=True)
class Change:
    """A table that was altered at a time, in microseconds since 1970."""

    table: TableName
    altered_at: int


@dataclass(frozen=True)
class Changes:
    """Changes in the order of their time and then of their names; ``now`` is the time that the warehouse has.

    Both times are in microseconds since 1970; ``now`` is None where there is no change. ``whole`` is false if there
    are more. ``gaps`` names what could not be looked at, and why.
    """

    changes: Sequence[Change]
    now: int | None
    whole: bool
    gaps: Sequence[str] = ()


@dataclass(frozen=True)
class Commit:
    """A commit of a Delta table: its version, its time in microseconds since 1970, and its operation."""

    version: int
    at: int
    operation: str


def read_changes(  # noqa: PLR0913 - all but where it begins by keyword
    warehouse: SqlWarehouse,
    since: int,
    after: TableName | None = None,
    *,
    catalogs: Sequence[str] | None = None,
    limit: int = PAGE,
    until: float | None = None,
) -> Changes:
    """Return what was altered at or after ``since``, at most ``limit`` of it.

    Args:
        warehouse: what to ask.
        since: microseconds since 1970.
        after: of what was altered at exactly ``since``, only names behind this one; None means all.
        catalogs: names of the catalogs that are looked at; None means all.
        limit: how many changes to return at most.
        until: when to give up, by `time.monotonic`; None waits as long as the warehouse does.

    Raises:
        TimedOutError: there is no answer by then.
        WorkspaceError: the warehouse does not answer.
    """
    start = f"timestamp_micros({since})"
    conditions = [f"last_altered >= {start}"]
    parameters: dict[str, str] = {}
    if after is not None:
        conditions.append(
            f"(last_altered > {start} OR table_catalog > :catalog OR table_catalog = :catalog AND (table_schema > :schema "
            "OR table_schema = :schema AND table_name > :name))"
        )
        parameters |= after._asdict()
    if catalogs is not None and len(catalogs) <= _MOST_NAMED:
        named = {f"catalog_{at}": name for at, name in enumerate(catalogs)}
        conditions.append(f"table_catalog IN ({', '.join(f':{name}' for name in named) or 'NULL'})")
        parameters |= named
    columns = {
        "catalog": "table_catalog",
        "schema": "table_schema",
        "name": "table_name",
        "altered_at": "unix_micros(last_altered)",
        "now": "unix_micros(current_timestamp())",
    }
    wanted = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    text = (
        f"SELECT {wanted} FROM `system`.information_schema.tables WHERE {' AND '.join(conditions)} "  # noqa: S608 - no text of a workspace is in it
        f"ORDER BY last_altered, table_catalog, table_schema, table_name LIMIT {int(limit)}"
    )
    query = Query(text, tuple(columns), parameters, names=_NAMES, numbers=frozenset({"altered_at", "now"}))
    rows = _answer(warehouse, query, until).to_pylist()
    changes = [Change(TableName(row["catalog"], row["schema"], row["name"]), int(row["altered_at"])) for row in rows]
    return Changes(changes, int(rows[0]["now"]) if rows else None, whole=len(rows) < limit)


def read_columns(
    warehouse: SqlWarehouse, tables: Sequence[TableName], *, until: float | None = None
) -> dict[TableName, list[dict[str, str | bool | None]]]:
    """Return the columns of some tables, in their order, as mappings of name, type, nullable and comment.

    A table that has none, or that the credential cannot read, has an empty list. One that is not answered for
    ``until`` a time, by `time.monotonic`, is missing.

    Raises:
        WorkspaceError: the warehouse does not answer, other than by being late.
    """
    if not tables:
        return {}
    groups = [tables[at : at + _MOST_DESCRIBED] for at in range(0, len(tables), _MOST_DESCRIBED)]
    found: dict[TableName, list[tuple[int, dict[str, str | bool | None]]]] = {}
    for group, answer in zip(groups, _ask(warehouse, map(_describing, groups), _left(until)), strict=True):
        if isinstance(answer, errors.TimedOutError | errors.ThrottledError):
            continue
        if isinstance(answer, errors.WorkspaceError):
            raise answer
        found |= {table: [] for table in group}
        if answer["name"].null_count:
            msg = f"{warehouse.host} lists a column without a name"
            raise errors.NotDatabricksError(msg, remedy="Try again")
        for row in answer.to_pylist():
            column = {
                "name": row["name"],
                "type": row["type"],
                "nullable": row["nullable"] == "YES",
                "comment": row["comment"] or None,
            }
            name = TableName(row["catalog"], row["schema"], row["relation"])
            if name in found:
                found[name].append((int(row["position"]), column))
    return {name: [column for _, column in sorted(held, key=lambda one: one[0])] for name, held in found.items()}


def _ask(
    warehouse: SqlWarehouse, queries: Iterable[Query], deadline: float | None
) -> list[pa.Table | errors.WorkspaceError]:
    """Return what `SqlWarehouse.ask` does, and where that raises, the reason for each query."""
    asked = list(queries)
    try:
        return warehouse.ask(*asked, deadline=deadline)
    except errors.WorkspaceError as error:
        return [error for _ in asked]


def _describing(tables: Sequence[TableName]) -> Query:
    # By catalog and schema, so that the statement stays short where many tables of one schema have changed.
    parameters: dict[str, str] = {}
    conditions = []
    for (catalog, schema), names in _by_schema(tables).items():
        markers = [_marker(parameters, text) for text in (catalog, schema, *names)]
        held = f"table_name IN ({', '.join(markers[2:])})"
        conditions.append(f"(table_catalog = {markers[0]} AND table_schema = {markers[1]} AND {held})")
    columns = {
        "catalog": "table_catalog",
        "schema": "table_schema",
        "relation": "table_name",
        "position": "ordinal_position",
        "name": "column_name",
        "type": "full_data_type",
        "nullable": "is_nullable",
        "comment": "comment",
    }
    wanted = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    text = f"SELECT {wanted} FROM `system`.information_schema.columns WHERE {' OR '.join(conditions)}"  # noqa: S608 - no text of a workspace is in it
    whole = frozenset({"catalog", "schema", "relation"})
    return Query(text, tuple(columns), parameters, names=whole, numbers=frozenset({"position"}))


def count_rows(
    warehouse: SqlWarehouse, tables: Sequence[TableName], *, until: float | None = None
) -> dict[TableName, int]:
    """Return the numbers of rows of some tables; a table that cannot be read is missing.

    Counting the rows of a Delta table reads its log alone
    (https://github.com/delta-io/delta/releases/tag/v2.2.0). Tables are counted together; where that fails, because
    the credential cannot read one of them or it takes too long, in halves, no more often than is bearable and not
    beyond ``until``, a time by `time.monotonic`. Nobody depends on these numbers, so nothing is raised for what the
    warehouse does not answer: those that were counted so far are returned.
    """
    counted: dict[TableName, int] = {}
    groups = [list(tables[at : at + _MOST_COUNTED]) for at in range(0, len(tables), _MOST_COUNTED)]
    spent = 0
    while groups and spent < _MOST_COUNTS and ((left := _left(until)) is None or left > _LEAST_TIME):
        now, groups = groups[:_COUNTING], groups[_COUNTING:]
        spent += len(now)
        # Half of the time that is left, so that the tables next to one that takes too long have their turn.
        answers = _ask(warehouse, map(_counting, now), None if left is None else left / 2)
        for group, answer in zip(now, answers, strict=True):
            if not isinstance(answer, errors.WorkspaceError):
                rows = [(int(row["at"]), int(row["rows"])) for row in answer.to_pylist()]
                counted |= {group[at]: count for at, count in rows if 0 <= at < len(group) and count >= 0}
            elif len(group) > 1:
                half = len(group) // 2
                groups += [group[:half], group[half:]]
    return counted


def read_history(
    warehouse: SqlWarehouse, tables: Sequence[TableName], *, until: float | None = None
) -> dict[TableName, list[Commit]]:
    """Return the latest commits of some Delta tables, at most 100 of each and the latest first.

    Each table takes a statement (https://docs.databricks.com/sql/language-manual/delta-describe-history). A table
    whose history cannot be read, or not ``until`` a time by `time.monotonic`, is missing.
    """
    columns = ("version", "timestamp", "userId", "userName", "operation")
    queries = [
        Query(
            f"DESCRIBE HISTORY {'.'.join(map(quoted, table))} LIMIT {_COMMITS}",
            columns,
            names=frozenset({"timestamp", "operation"}),
            numbers=frozenset({"version"}),
            widens=True,
        )
        for table in tables
    ]
    found: dict[TableName, list[Commit]] = {}
    for table, answer in zip(tables, _ask(warehouse, queries, _left(until)) if queries else [], strict=True):
        if isinstance(answer, errors.WorkspaceError):
            continue
        try:
            commits = [
                Commit(int(row["version"]), _micros(row["timestamp"]), row["operation"].upper())
                for row in answer.to_pylist()
            ]
        except ValueError:  # a time in another form: when it was cannot be known
            continue
        found[table] = sorted(commits, key=lambda commit: -commit.version)
    return found


def _micros(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        msg = f"{text!r} has no time zone, so it could be hours off"
        raise ValueError(msg)
    return round(at.timestamp() * 1_000_000)


def _counting(tables: Sequence[TableName]) -> Query:
    parts = [
        f"SELECT {at} AS at, count(*) AS rows FROM {'.'.join(map(quoted, table))}"  # noqa: S608 - quoted
        for at, table in enumerate(tables)
    ]
    return Query(" UNION ALL ".join(parts), ("at", "rows"), numbers=frozenset({"at", "rows"}))


def _by_schema(tables: Iterable[TableName]) -> Mapping[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for catalog, schema, name in tables:
        found.setdefault((catalog, schema), []).append(name)
    return found


def _marker(parameters: dict[str, str], text: str) -> str:
    name = f"p{len(parameters)}"
    parameters[name] = text
    return f":{name}"


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())


def _answer(warehouse: SqlWarehouse, query: Query, until: float | None) -> pa.Table:
    (answer,) = warehouse.ask(query, deadline=_left(until))
    if isinstance(answer, errors.WorkspaceError):
        raise answer
    return answer
