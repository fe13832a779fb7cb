"""SQL warehouses: one is looked at, started if it is stopped, and asked.

`Warehouse` makes requests for the `engine`; `SqlWarehouse` runs a few statements for a caller who waits.

Source: the SQL Warehouses API (https://docs.databricks.com/api/workspace/warehouses).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import pyarrow as pa

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, Json, WorkspaceApi, mask
from dbxexplore.discovery.answers import text
from dbxexplore.discovery.arguments import CALL_TIMEOUT, check_source, check_warehouse
from dbxexplore.discovery.engine import Crawler, Request
from dbxexplore.discovery.statements import Following, Query, Statement

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_WAREHOUSES = "/api/2.0/sql/warehouses"
_POLL = 2.0  # seconds between two looks at a warehouse that starts
PATIENCE = 900.0  # seconds that it may take to start
_AT_ONCE = 4  # statements that one caller has under way
_CANCELLING = 2.0  # seconds that may be spent on cancelling statements at the server


class Warehouse:
    """The requests from a first look at a SQL warehouse until it runs.

    Args:
        warehouse_id: the SQL warehouse.
        scope: what the requests are to list, for the failures frame.
        running: returns what follows once it runs.
        unusable: takes the reason why it does not, and returns what follows from that.
        refused: takes the failure of a call, and returns what follows from that.
        set_notice: takes what a person who waits should know; an empty text when it is over.
        patience: seconds that it may take to start; None waits as long as a classic warehouse takes.
        needed: whether the work is incomplete without.
    """

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        warehouse_id: str,
        scope: str,
        running: Callable[[], Following],
        unusable: Callable[[str], Following],
        refused: Callable[[errors.WorkspaceError], Following],
        set_notice: Callable[[str], None] = lambda _: None,
        patience: float | None = None,
        needed: bool = True,
    ) -> None:
        self.was_started = False
        self.is_late = False  # it was still starting when patience ran out
        self._path = f"{_WAREHOUSES}/{quote(warehouse_id, safe='')}"
        self._scope = scope
        self._running = running
        self._unusable = unusable
        self._refused = refused
        self._set_notice = set_notice
        self._patience = PATIENCE if patience is None else patience
        self._needed = needed
        self._asked_to_start: float | None = None  # when

    def look(self, delay: float = 0.0) -> Request:
        """Return the request that finds out whether it runs."""
        return Request(self._scope, self._path, {}, self._take, self._refused, needed=self._needed, delay=delay)

    def _take(self, answer: Json) -> Following:
        state = text(answer.get("state"))
        if state == "RUNNING":
            self._set_notice("")
            return self._running()
        if state in {"DELETED", "DELETING"}:
            return self._unusable(f"the warehouse is {state.lower()}")
        if state not in {"STARTING", "STOPPING", "STOPPED"}:
            return self._unusable("the warehouse is in no state that is known")
        first = self._asked_to_start is None
        self._asked_to_start = self._asked_to_start or time.monotonic()
        if time.monotonic() - self._asked_to_start > self._patience:
            self.is_late = True
            return self._unusable(f"the warehouse is still {state.lower()} after {self._patience:.0f} s")
        if not first or state == "STARTING":
            self._set_notice(f"the SQL warehouse is {state.lower()}, which may take minutes")
            return [self.look(_POLL)]
        self._set_notice(f"the SQL warehouse is {state.lower()} and is being started, which may take minutes")
        self.was_started = True
        path = f"{self._path}/start"
        return [Request(self._scope, path, {}, self._started, self._refused, needed=self._needed, body={})]

    def _started(self, _answer: Json) -> Following:
        return [self.look(_POLL)]


class SqlWarehouse:
    """A SQL warehouse to ask a few statements; a context manager.

    Args:
        source: connection settings, or a Databricks SDK client whose credential is used.
        warehouse_id: the SQL warehouse; None is that of the settings.
        patience: seconds that a warehouse which rests may take to start; None waits for minutes.
        deadline: seconds that the statements of one `ask` may take; None sets no limit.

    Raises:
        SettingsError: there is no warehouse to ask, or the credential cannot be used.
    """

    def __init__(
        self,
        source: ConnectionSettings | WorkspaceClient,
        warehouse_id: str | None = None,
        *,
        patience: float | None = None,
        deadline: float | None = None,
    ) -> None:
        found = check_warehouse(check_source(source), warehouse_id)
        if found is None:
            msg = "There is no SQL warehouse to ask"
            raise errors.SettingsError(msg, expected="a warehouse_id, in the settings or as an argument")
        self._warehouse_id = found
        self._calls = WorkspaceApi(check_source(source), timeout=CALL_TIMEOUT, connections=_AT_ONCE)
        self._patience = patience
        self._deadline = deadline
        self._is_running = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections to the workspace."""
        self._calls.close()

    @property
    def host(self) -> str:
        """The address of the workspace that it is in."""
        return self._calls.host

    def ask(self, *queries: Query, deadline: float | None = None) -> list[pa.Table | errors.WorkspaceError]:
        """Return the result of each query, or why there is none.

        A result is a table of the query's columns, all of them text as the API gives it. A warehouse that rests is
        started. ``deadline`` is how many seconds these may take, where that is less than the warehouse's own; what
        has no result by then is cancelled.

        Raises:
            TimedOutError: the warehouse is still starting, or answered nothing within the deadline.
            WorkspaceError: it cannot be used, so that nothing was asked.
        """
        found: dict[int, pa.Table | errors.WorkspaceError] = {}
        unusable: list[errors.WorkspaceError] = []
        made: list[Statement] = []
        deadline = min((one for one in (deadline, self._deadline) if one is not None), default=None)

        def no_warehouse(error: errors.WorkspaceError) -> Following:
            unusable.append(error)
            return []

        def statements() -> list[Request]:
            self._is_running = True
            made.extend(self._statement(query, at, found) for at, query in enumerate(queries))
            return [statement.execute() for statement in made]

        warehouse = Warehouse(
            warehouse_id=self._warehouse_id,
            scope="warehouse",
            running=statements,
            unusable=lambda reason: no_warehouse(self._unusable(reason, is_late=warehouse.is_late)),
            refused=no_warehouse,
            patience=self._patience,
            needed=False,
        )
        crawler = Crawler(self._calls, max_concurrency=_AT_ONCE, deadline=deadline)
        crawler.run(statements() if self._is_running else [warehouse.look()])
        if unusable:
            raise unusable[0]
        late = errors.TimedOutError(f"{self._name} did not answer within {deadline or 0:.0f} s")
        if crawler.stopped and (left := [request for statement in made for request in statement.cancel()]):
            Crawler(self._calls, max_concurrency=_AT_ONCE, deadline=_CANCELLING).run(left)
        if crawler.stopped and not found:
            raise late
        return [found.get(at, late) for at in range(len(queries))]

    def _statement(self, query: Query, at: int, found: dict[int, pa.Table | errors.WorkspaceError]) -> Statement:
        def done() -> Following:
            found[at] = statement.table()
            return []

        def failed(reason: str) -> Following:
            found[at] = errors.WorkspaceError(f"{self._name} did not answer a statement: {mask(reason)}")
            return []

        def refused(error: errors.WorkspaceError) -> Following:
            found[at] = error
            return []

        statement = Statement(self._warehouse_id, query, "warehouse", done, failed, refused, needed=False)
        return statement

    @property
    def _name(self) -> str:
        return f"The SQL warehouse {self._warehouse_id}"

    def _unusable(self, reason: str, *, is_late: bool) -> errors.WorkspaceError:
        msg = f"{self._name} cannot be used: {reason}"
        if is_late:
            return errors.TimedOutError(msg)
        return errors.WorkspaceError(msg, remedy="Name one that exists and that this credential may use")
