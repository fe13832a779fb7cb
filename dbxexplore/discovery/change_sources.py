"""Two ways to look for changes, with the same methods: through a SQL warehouse, and over REST without one."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self, TypeAlias, cast
from urllib.parse import quote

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, Json, WorkspaceApi
from dbxexplore.discovery import changes
from dbxexplore.discovery.answers import text
from dbxexplore.discovery.arguments import CALL_TIMEOUT
from dbxexplore.discovery.changes import Change, Changes, Commit, TableName
from dbxexplore.discovery.engine import Crawler, Failed, Request
from dbxexplore.discovery.pages import pages
from dbxexplore.discovery.rest import columns_in
from dbxexplore.discovery.warehouse import SqlWarehouse

Columns: TypeAlias = dict[TableName, list[dict[str, str | bool | None]]]
_TABLES = "/api/2.1/unity-catalog/tables"
_AT_ONCE = 16  # calls


class ChangeSource(ABC):
    """Where changes are looked for; a context manager.

    Times are microseconds since 1970; each ``until`` is one of `time.monotonic`.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connections to the workspace."""

    @property
    @abstractmethod
    def host(self) -> str:
        """The address of the workspace."""

    def wake(self) -> None:  # noqa: B027 - nothing to wait for
        """Wait until questions are answered without delay.

        Raises:
            TimedOutError: they are not yet.
        """

    @abstractmethod
    def changes(self, since: int, after: TableName | None, until: float) -> Changes:
        """Return what was altered at or after ``since``; of what was altered right then, names behind ``after``.

        Raises:
            TimedOutError: there is no answer by then.
        """

    @abstractmethod
    def columns(self, tables: Sequence[TableName], until: float) -> Columns:
        """Return the columns of some tables; one that is not answered for in time is missing."""

    def rows(self, tables: Sequence[TableName], until: float) -> dict[TableName, int]:  # noqa: ARG002 - of those that can
        """Return the numbers of rows that can be counted."""
        return {}

    def history(self, tables: Sequence[TableName], until: float) -> dict[TableName, list[Commit]]:  # noqa: ARG002 - as well
        """Return the latest commits of the Delta tables whose history can be read, the latest first."""
        return {}


def change_source(settings: ConnectionSettings, tables: Iterable[TableName], *, patience: float) -> ChangeSource:
    """Return where changes of some tables are looked for: the connection's SQL warehouse, or REST where it has none.

    Over REST, the schemas of the tables are listed. Whether ``updated_at`` moves there whenever ``last_altered`` of
    information_schema does is not documented, and neither numbers of rows nor history can be read.

    Args:
        settings: the connection.
        tables: what is looked at.
        patience: seconds that a warehouse which rests may take to start.
    """
    if settings.warehouse_id is None:
        return _RestSource(settings, sorted({(table.catalog, table.schema) for table in tables}))
    return _WarehouseSource(settings, sorted({table.catalog for table in tables}), patience)


class _WarehouseSource(ChangeSource):
    def __init__(self, settings: ConnectionSettings, catalogs: Sequence[str], patience: float) -> None:
        self._warehouse = SqlWarehouse(settings, patience=patience)
        self._catalogs = catalogs

    def close(self) -> None:
        self._warehouse.close()

    @property
    def host(self) -> str:
        return self._warehouse.host

    def wake(self) -> None:
        self._warehouse.ask()

    def changes(self, since: int, after: TableName | None, until: float) -> Changes:
        return changes.read_changes(self._warehouse, since, after, catalogs=self._catalogs, until=until)

    def columns(self, tables: Sequence[TableName], until: float) -> Columns:
        return changes.read_columns(self._warehouse, tables, until=until)

    def rows(self, tables: Sequence[TableName], until: float) -> dict[TableName, int]:
        return changes.count_rows(self._warehouse, tables, until=until)

    def history(self, tables: Sequence[TableName], until: float) -> dict[TableName, list[Commit]]:
        return changes.read_history(self._warehouse, tables, until=until)


class _RestSource(ChangeSource):
    def __init__(self, settings: ConnectionSettings, schemas: Sequence[tuple[str, str]]) -> None:
        self._schemas = schemas
        self._api = WorkspaceApi(settings, timeout=CALL_TIMEOUT, connections=_AT_ONCE)

    def close(self) -> None:
        self._api.close()

    @property
    def host(self) -> str:
        return self._api.host

    def changes(self, since: int, after: TableName | None, until: float) -> Changes:
        # This clock stands for the server's, whose own is known to the second at best.
        now = time.time_ns() // 1000
        found: list[Change] = []

        def listing(catalog: str, schema: str) -> Request:
            def take(items: list[Json]) -> Iterable[Request | Failed]:
                for item in items:
                    name, updated = text(item.get("name")), item.get("updated_at")
                    if name and isinstance(updated, int) and updated * 1000 >= since:
                        found.append(Change(TableName(catalog, schema, name), updated * 1000))
                return ()

            query = {"catalog_name": catalog, "schema_name": schema, "max_results": 0, "include_browse": True}
            slim = {"omit_columns": True, "omit_properties": True, "omit_username": True}
            return pages(Request(f"{catalog}.{schema}", _TABLES, query | slim, _nothing), "tables", take)

        crawler = self._run([listing(*schema) for schema in self._schemas], until)
        if crawler.stopped:
            msg = f"{len(self._schemas):,} schemas could not be listed in time"
            raise errors.TimedOutError(msg, remedy="Name a SQL warehouse, or narrow the filters")
        start = (since, after or ("", "", ""))
        ordered = sorted(
            (one for one in found if (one.altered_at, one.table) > start), key=lambda one: (one.altered_at, one.table)
        )
        gaps = [f"{scope} couldn't be listed ({reason}): {message}" for scope, reason, message in crawler.failures]
        return Changes(ordered, now, whole=True, gaps=gaps)

    def columns(self, tables: Sequence[TableName], until: float) -> Columns:
        found: Columns = {}

        def reading(table: TableName) -> Request:
            def take(answer: Json) -> Iterable[Request | Failed]:
                columns = columns_in(answer.get("columns"))
                if columns is not None:
                    found[table] = cast("list[dict[str, str | bool | None]]", columns)
                return ()

            return Request(
                ".".join(table), f"{_TABLES}/{quote('.'.join(table), safe='')}", {"include_browse": True}, take
            )

        self._run([reading(table) for table in tables], until)
        return found

    def _run(self, requests: Sequence[Request], until: float) -> Crawler:
        crawler = Crawler(self._api, max_concurrency=_AT_ONCE, deadline=max(0.0, until - time.monotonic()))
        crawler.run(requests)
        return crawler


def _nothing(_answer: Json) -> Iterable[Request | Failed]:
    return ()
