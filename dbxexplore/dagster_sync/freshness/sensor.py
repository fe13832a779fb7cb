"""Freshness: a sensor that reports a materialization whenever a table has changed, and has its columns compared.

What counts as a change is what `dbxexplore.discovery.changes` says: that ``last_altered`` of a table has moved.

How nothing is lost and nothing doubled: Dagster stores the events of a tick first and its cursor afterwards
(https://docs.dagster.io/guides/automate/sensors), so a tick that is interrupted in between is made again with the old
cursor. Therefore the cursor only says where to read on, and whether a change was reported is asked of the instance
itself: each materialization carries the time of its change, and the workspace that it is of. The cursor stays behind
the warehouse's clock by `_SETTLED`, because a change may be seen later than another that came after it. It says what
it is a position in, too: where other tables are watched, or another workspace, all is looked at again from the start,
since a table that was not watched may have been passed over.

What a tick cannot do in the time that Dagster gives it, or in the bytes that Dagster takes, is left for the next. But
nothing that a change merely comes with may keep it from being reported.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from dbxexplore import errors
from dbxexplore.dagster_sync.freshness.checks import CHECK
from dbxexplore.dagster_sync.freshness.cursor import Cursor
from dbxexplore.dagster_sync.freshness.reported import ALTERED_AT, CHECK_DUE, WORKSPACE, Reported, last_reported
from dbxexplore.dagster_sync.freshness.sizes import size_of_columns, size_of_lineage
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE
from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA, Column, column_schema
from dbxexplore.discovery.changes import Change, TableName, count_rows, read_changes, read_columns
from dbxexplore.discovery.warehouse import SqlWarehouse

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

    from dbxexplore.connection import ConnectionSettings

_LOG = logging.getLogger("dbxexplore")

MOST_EVENTS = 500  # of one tick
_MOST_COLUMNS = 50_000  # of all events of one tick, which travel in one message
_MOST_BYTES = 32_000_000  # of all events of one tick, as JSON; Dagster takes 100 MB
_LOOKED_UP = 500  # changes that are compared with the instance at one time
_SETTLED = 300_000_000  # microseconds after which no earlier change is expected to come to light any more
_PATIENCE = 15.0  # seconds that a warehouse may take to start
# Seconds since its start after which a tick begins to look at no more changes, and waits no longer for changes, for
# columns and for numbers of rows; Dagster gives it 60.
_LOOKING, _READ, _DESCRIBED, _COUNTED = 20.0, 35.0, 45.0, 50.0


@dataclass(frozen=True)
class Watched:
    """A table or view whose changes are reported: its asset, and how it is read.

    ``columns`` is how many it has, as far as known; ``is_counted`` says whether its rows are; ``lineage`` is that
    of its columns.
    """

    key: dg.AssetKey
    columns: int = 0
    is_counted: bool = False
    lineage: dg.TableColumnLineage | None = None


@dataclass
class _TickState:
    """What a tick has to do, and how far it has read."""

    position: Cursor
    workspace: str  # a fingerprint
    changes: list[Change] = field(default_factory=list)  # that were not reported
    unchecked: list[Change] = field(default_factory=list)  # that were, and whose check may be left to make
    reported: dict[dg.AssetKey, Reported] = field(default_factory=dict)  # before this tick
    latest: dict[dg.AssetKey, int] = field(default_factory=dict)  # time of the latest change, those found included
    columns: int = 0  # of all that was found
    now: int = 0  # microseconds since 1970, by the warehouse's clock
    more: bool = True  # whether there is more than was read

    def keep(self, count: int) -> None:
        """Leave all but the first ``count`` changes, at least one, for another time."""
        if count < len(self.changes):
            del self.changes[count:]
            self.position = Cursor(self.changes[-1].altered_at, self.changes[-1].table)
            self.more = True


class FreshnessSensor:
    """What a tick of the sensor does.

    Args:
        settings: the connection, with a warehouse id.
        watched: what is looked at, by its name.
        checks: whether Dagster's check of an asset's columns is run when it has changed.
        most: events that one tick may report; what is left is for the next.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        watched: Mapping[TableName, Watched],
        *,
        checks: bool = True,
        most: int = MOST_EVENTS,
    ) -> None:
        self._settings = settings
        self._watched = watched
        self._catalogs = sorted({name.catalog for name in watched})
        self._checks = checks
        self._most = most

    def tick(self, context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Report what has changed since the cursor.

        Raises:
            WorkspaceError: the warehouse does not answer; the next tick begins where this one did.
        """
        started = time.monotonic()
        instance = context.instance
        try:
            with SqlWarehouse(self._settings, patience=_PATIENCE) as warehouse:
                workspace = _fingerprint(warehouse.host)
                before = self._start(context.cursor, workspace)
                state = self._find(warehouse, _TickState(before, workspace), instance, started)
                events = self._events(warehouse, state, started)
        except (errors.TimedOutError, errors.ThrottledError) as error:
            return dg.SkipReason(f"{error} The next tick begins where this one did.")
        due = [change for change, event in zip(state.changes, events, strict=True) if CHECK_DUE in (event.tags or {})]
        requests = self._requests([*due, *self._not_checked(state, instance)])
        if state.more:
            context.log.info("There are more changes than one tick reports, so the next one goes on.")
        return dg.SensorResult(
            asset_events=events,
            run_requests=requests,
            skip_reason=None if requests else _skip_message(len(events)),
            cursor=str(_read_up_to(before, state)),
        )

    # --- what has changed ---

    @cached_property
    def _names(self) -> str:
        return json.dumps(sorted([*name, *watched.key.path] for name, watched in self._watched.items()))

    def _start(self, cursor: str | None, workspace: str) -> Cursor:
        """Return where to begin: at the cursor, or from the start if it is a position in something else."""
        stored, of = Cursor.read(cursor), _fingerprint(workspace, self._names)
        if stored.of == of:
            return stored
        if cursor:
            _LOG.info("Other tables are watched than before, so each is looked at again. No change is reported twice.")
        return Cursor(of=of)

    def _find(
        self, warehouse: SqlWarehouse, state: _TickState, instance: dg.DagsterInstance, started: float
    ) -> _TickState:
        """Read page by page until there is enough to report, nothing is left, or the time is over."""
        while state.more and time.monotonic() - started < _LOOKING:
            at, after = state.position.at, state.position.after
            try:
                page = read_changes(warehouse, at, after, catalogs=self._catalogs, until=started + _READ)
            except (errors.TimedOutError, errors.ThrottledError):
                if not state.now:
                    raise
                return state  # of earlier pages
            state.now = page.now or state.now
            state.more = not page.whole
            for number, part in enumerate(_parts(page.changes)):
                is_late = number > 0 and time.monotonic() - started > _LOOKING
                if is_late or not self._take_all(part, instance, state):
                    state.more = True
                    return state
        return state

    def _take_all(self, changes: Sequence[Change], instance: dg.DagsterInstance, state: _TickState) -> bool:
        self._look_up(changes, instance, state)
        return all(self._take(change, state) for change in changes)

    def _look_up(self, changes: Sequence[Change], instance: dg.DagsterInstance, state: _TickState) -> None:
        first: dict[dg.AssetKey, int] = {}  # time of the first change of each
        for change in changes:
            watched = self._watched.get(change.table)
            if watched is not None and watched.key not in state.reported:
                first.setdefault(watched.key, change.altered_at)
        records = instance.get_asset_records(list(first)) if first else ()
        known = {record.asset_entry.asset_key: record for record in records}
        for key, altered_at in first.items():
            state.reported[key] = last_reported(known.get(key), instance, altered_at, state.workspace)
            state.latest[key] = state.reported[key].altered_at

    def _take(self, change: Change, state: _TickState) -> bool:
        """Sort a change in; return false, and leave it, if the tick has enough."""
        watched = self._watched.get(change.table)
        if watched is not None and change.altered_at > state.latest[watched.key]:
            columns = state.columns + watched.columns
            if len(state.changes) >= self._most or (state.changes and columns > _MOST_COLUMNS):
                return False
            state.columns = columns
            state.changes.append(change)
            state.latest[watched.key] = change.altered_at
        elif watched is not None and self._checks:
            reported = state.reported[watched.key]
            if reported.is_check_due and reported.altered_at == change.altered_at:
                state.unchecked.append(change)
        state.position = Cursor(change.altered_at, change.table)
        return True

    # --- what is made of it ---

    def _events(self, warehouse: SqlWarehouse, state: _TickState, started: float) -> list[dg.AssetMaterialization]:
        read = read_columns(warehouse, [change.table for change in state.changes], until=started + _DESCRIBED)
        sizes = {table: size_of_columns(columns) for table, columns in read.items()}
        for table in [table for table, size in sizes.items() if size > _MOST_BYTES]:
            _LOG.warning("%s has too many columns to be reported with them.", ".".join(table))
            sizes[table] = 0
        state.keep(self._fitting(state.changes, sizes))
        tables = [change.table for change in state.changes]
        counted = [table for table in tables if self._watched[table].is_counted]
        rows = count_rows(warehouse, counted, until=started + _COUNTED)
        return [
            self._event(change, read[change.table] if sizes.get(change.table) else None, rows.get(change.table), state)
            for change in state.changes
        ]

    def _fitting(self, changes: Sequence[Change], sizes: Mapping[TableName, int]) -> int:
        """Return how many changes are reported now; ``sizes`` are those of the columns that were read in time.

        A change waits for columns that are late, so that each is compared with the one before it, but only behind one
        that is reported. The first waits for nothing, lest the sensor wait for ever where reading takes too long each
        time: then all are reported, and the columns of those that have none are compared from their next change on.
        """
        waits = bool(changes) and changes[0].table in sizes
        size = 0
        for at, change in enumerate(changes):
            size += sizes.get(change.table, 0) + size_of_lineage(self._watched[change.table].lineage)
            if at > 0 and (size > _MOST_BYTES or (waits and change.table not in sizes)):
                return at
        return len(changes)

    def _event(
        self, change: Change, columns: Sequence[Column] | None, rows: int | None, state: _TickState
    ) -> dg.AssetMaterialization:
        watched = self._watched[change.table]
        values: dict[str, dg.TableSchema | dg.TableColumnLineage | dg.MetadataValue | int | None] = {
            COLUMN_SCHEMA: None if columns is None else column_schema(columns),
            "dagster/row_count": rows,
            COLUMN_LINEAGE: watched.lineage,
            "dbxexplore/altered": dg.MetadataValue.timestamp(change.altered_at / 1_000_000),
        }
        tags = {ALTERED_AT: str(change.altered_at), WORKSPACE: state.workspace}
        if self._checks and columns is not None and state.reported[watched.key].has_columns:
            tags[CHECK_DUE] = "true"
        metadata = {name: value for name, value in values.items() if value is not None}
        return dg.AssetMaterialization(watched.key, metadata=metadata, tags=tags)

    # --- checks ---

    def _check(self, change: Change) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(self._watched[change.table].key, CHECK)

    def _not_checked(self, state: _TickState, instance: dg.DagsterInstance) -> list[Change]:
        """Return the changes whose check no run was requested for, because an earlier tick was interrupted."""
        made: dict[dg.AssetCheckKey, AssetCheckExecutionRecord] = {}
        for part in _parts(state.unchecked):
            # Dagster gives out no public way to ask for checks that are planned and not made yet.
            keys = [self._check(change) for change in part]
            made |= instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        left = []
        for change in state.unchecked:
            record = made.get(self._check(change))
            # By the time of the event, because some storages keep that of the record in whole seconds only.
            planned = record.event.timestamp if record and record.event else 0.0
            if planned < state.reported[self._watched[change.table].key].timestamp:
                left.append(change)
        return left

    def _requests(self, changes: Sequence[Change]) -> list[dg.RunRequest]:
        if not changes:
            return []
        text = json.dumps(sorted([*change.table, change.altered_at] for change in changes))
        keys = list(dict.fromkeys(self._check(change) for change in changes))
        run_key = hashlib.sha256(text.encode()).hexdigest()
        return [dg.RunRequest(run_key, asset_selection=[], asset_check_keys=keys)]


def _read_up_to(before: Cursor, state: _TickState) -> Cursor:
    # Never back, even where the warehouse's clock was set back.
    settled = Cursor(state.now - _SETTLED)
    position = min(state.position, settled, key=lambda cursor: cursor.order)
    return replace(max(before, position, key=lambda cursor: cursor.order), of=before.of)


def _fingerprint(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _parts(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[at : at + _LOOKED_UP] for at in range(0, len(changes), _LOOKED_UP))


def _skip_message(events: int) -> str:
    return f"Reported {events:,} changes; there is no check to run." if events else "Nothing has changed."
