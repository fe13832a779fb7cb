"""The Hive metastore of a workspace, which the Unity Catalog API does not list: a few SQL statements list it.

Sources: the SQL reference, `SHOW SCHEMAS`, `SHOW TABLES` and `SHOW VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from dbxexplore import errors
from dbxexplore.connection import mask
from dbxexplore.discovery.arguments import HIVE
from dbxexplore.discovery.engine import Failed, Request
from dbxexplore.discovery.rows import Rows
from dbxexplore.discovery.statements import Query, Statement, quoted
from dbxexplore.discovery.warehouse import Warehouse

_ROOT = quoted(HIVE)


class HiveMetastore:
    """The requests that list schemas, tables and views of ``hive_metastore`` into ``rows``, by their names alone.

    One statement lists the schemas, and two per schema its tables and its views.

    Args:
        rows: where the objects go.
        warehouse_id: the SQL warehouse that answers.
        set_notice: takes what a person who waits should know; an empty text when it is over.
    """

    def __init__(self, rows: Rows, *, warehouse_id: str, set_notice: Callable[[str], None]) -> None:
        self._rows = rows
        self._warehouse_id = warehouse_id
        self._warehouse = Warehouse(
            warehouse_id=warehouse_id,
            scope=HIVE,
            running=self.ask,
            unusable=self.give_up_because,
            refused=self.give_up,
            set_notice=set_notice,
        )
        rows.add({"kind": ["catalog"], "name": [HIVE], "full_name": [HIVE]}, 1)

    @property
    def notes(self) -> list[str]:
        """Sentences for a reader of the catalog."""
        started = " It was not running and was started for this." if self._warehouse.was_started else ""
        return [f"{HIVE} was listed through the SQL warehouse {self._warehouse_id}, by names alone.{started}"]

    def start(self) -> list[Request]:
        """Return the first request where nothing else looks at the warehouse."""
        return [self._warehouse.look()]

    def ask(self) -> list[Request]:
        """Return the first request once the warehouse runs."""
        query = Query(f"SHOW SCHEMAS IN {_ROOT}", ("name",), names=frozenset({"name"}), widens=True)
        return [self.statement(query, HIVE, self._take_schemas, lambda error: [Failed(HIVE, error)])]

    def give_up(self, error: errors.WorkspaceError) -> list[Failed]:
        """Return the failure where the warehouse cannot be called."""
        return [Failed(HIVE, error)]

    def give_up_because(self, reason: str) -> list[Failed]:
        """Return the failure where the warehouse cannot be used."""
        return self.give_up(errors.WorkspaceError(f"The SQL warehouse {self._warehouse_id} cannot be used: {reason}"))

    def _take_schemas(self, found: pa.Table) -> list[Request]:
        names = list(dict.fromkeys(found["name"].to_pylist()))
        self._rows.add(
            {
                "kind": ["schema"] * len(names),
                "catalog": [HIVE] * len(names),
                "name": names,
                "full_name": [f"{HIVE}.{name}" for name in names],
            },
            len(names),
        )
        return [request for name in names for request in _SchemaOfHive(self, name).start()]

    def statement(
        self,
        query: Query,
        scope: str,
        done: Callable[[pa.Table], Iterable[Request | Failed]],
        failed: Callable[[errors.WorkspaceError], Iterable[Request | Failed]],
    ) -> Request:
        """Return the request that sends a statement; its result goes to ``done``, and why there is none to ``failed``."""

        def failed_because(reason: str) -> Iterable[Request | Failed]:
            said = f"The SQL warehouse {self._warehouse_id} did not answer a statement: {mask(reason)}"
            return failed(errors.WorkspaceError(said))

        statement = Statement(
            self._warehouse_id, query, scope, lambda: done(statement.table()), failed_because, refused=failed
        )
        return statement.execute()

    def add(self, schema: str, tables: set[str], views: set[str]) -> None:
        """Add the relations of a schema; the tables may have views among them."""
        names = sorted(tables | views)
        self._rows.add(
            {
                "kind": ["view" if name in views else "table" for name in names],
                "catalog": [HIVE] * len(names),
                "schema": [schema] * len(names),
                "name": names,
                "full_name": [f"{HIVE}.{schema}.{name}" for name in names],
                "object_type": ["VIEW" if name in views else None for name in names],
            },
            len(names),
        )


class _SchemaOfHive:
    """The two statements on one schema; its rows are added once both are answered."""

    def __init__(self, hive: HiveMetastore, name: str) -> None:
        self._hive = hive
        self._name = name
        self._scope = f"{HIVE}.{name}"
        self._found: dict[str, set[str]] = {"TABLES": set(), "VIEWS": set()}
        self._left = len(self._found)

    def start(self) -> list[Request]:
        return [self._show(what) for what in self._found]

    def _show(self, what: str) -> Request:
        text = f"SHOW {what} IN {_ROOT}.{quoted(self._name)}"
        query = Query(text, ("schema", "name", "is_temporary"), names=frozenset({"name"}), widens=True)

        def take(found: pa.Table) -> Iterable[Request | Failed]:
            # A temporary view is in no schema; it belongs to a session.
            rows = found.select(["name", "is_temporary"]).to_pylist()
            self._found[what] = {row["name"] for row in rows if row["is_temporary"] != "true"}
            return self._answered()

        def failed(error: errors.WorkspaceError) -> Iterable[Request | Failed]:
            return [Failed(self._scope, error), *self._answered()]

        return self._hive.statement(query, self._scope, take, failed)

    def _answered(self) -> tuple[()]:
        self._left -= 1
        if not self._left:
            self._hive.add(self._name, self._found["TABLES"], self._found["VIEWS"])
        return ()
