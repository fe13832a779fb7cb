"""Freshness: a sensor that reports a materialization whenever a table has changed, and has its columns compared.

What counts as a change is what `dbxexplore.discovery.changes` says: that ``last_altered`` of a table has moved.

How nothing is lost and nothing doubled: Dagster stores the events of a tick first and its cursor afterwards
(https://docs.dagster.io/guides/automate/sensors), so a tick that is interrupted in between is made again with the old
cursor. Therefore the cursor only says where to read on, and whether a change was reported is asked of the instance
itself: each materialization carries the time of its change. The cursor stays behind the warehouse's clock by
`_SETTLED`, because a change may be seen later than another that came after it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from dbxexplore import errors
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE
from dbxexplore.dagster_sync.refresh import identifier
from dbxexplore.dagster_sync.translate import Column, column_schema
from dbxexplore.discovery.changes import Change, TableName, count_rows, read_changes, read_columns
from dbxexplore.discovery.statements import SqlWarehouse

if TYPE_CHECKING:
    from dbxexplore.connection import ConnectionSettings

_LOG = logging.getLogger("dbxexplore")

CHECK = "column_schema_change"  # what Dagster calls its check
ALTERED_AT = "dbxexplore/altered_at"  # tag of a materialization: the time of its change, in microseconds since 1970
_CHECK_DUE = "dbxexplore/check_due"  # likewise: the one before it has columns to be compared with
COLUMN_SCHEMA = "dagster/column_schema"

MOST_EVENTS = 500  # of one tick
_MOST_COLUMNS = 50_000  # of all events of one tick, which travel in one message
_LOOKED_UP = 500  # changes that are compared with the instance at one time
_SETTLED = 300_000_000  # microseconds after which no earlier change is expected to come to light any more
_PATIENCE = 15.0  # seconds that a warehouse may take to start; Dagster gives a tick a minute
_DEADLINE = 40.0  # seconds for the statements that are asked together
_READING = 20.0  # seconds after which a tick reads no other page
_COUNTING = 30.0  # seconds after which it counts no rows
_MARKS = 20  # materializations among which the latest of ours is looked for


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


@dataclass(frozen=True)
class Cursor:
    """Where to read on: at a time in microseconds since 1970, behind a name among what was altered at that time."""

    at: int = 0
    after: TableName | None = None

    def __str__(self) -> str:
        return json.dumps({"version": 1, "at": self.at, "after": self.after})

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Return what ``str`` made text of; what it did not, starts anew, which doubles nothing."""
        try:
            value = json.loads(text or "{}")
            return cls(int(value.get("at", 0)), TableName(*value["after"]) if value.get("after") else None)
        except (ValueError, TypeError, AttributeError):
            _LOG.warning("The cursor %.100r is not one of this sensor, so it begins anew", text)
            return cls()


@dataclass(frozen=True)
class _Reported:
    """The latest materialization of an asset that this sensor has reported, and whether the latest of all has columns.

    ``altered_at`` is -1 where there is none of this sensor; ``timestamp`` is in seconds since 1970.
    """

    altered_at: int = -1
    timestamp: float = 0.0
    is_check_due: bool = False
    has_columns: bool = False


@dataclass
class _Found:
    """What a tick has to do, and how far it has read."""

    position: Cursor
    changes: list[Change] = field(default_factory=list)  # that were not reported
    unchecked: list[Change] = field(default_factory=list)  # that were, and whose check may be left to make
    reported: dict[dg.AssetKey, _Reported] = field(default_factory=dict)  # before this tick
    latest: dict[dg.AssetKey, int] = field(default_factory=dict)  # time of the latest change, those found included
    columns: int = 0  # of all that was found
    now: int = 0  # microseconds since 1970, by the warehouse's clock
    more: bool = True  # whether there is more than was read


def schema_checks(connection: str, keys: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """Return Dagster's check of the columns of each asset, which fails when one was added, removed or retyped.

    It compares the latest two materializations, so it wants to be run after each.
    """
    # The check is made of keys that stand in for the real ones: Dagster makes Python names of them, and cannot of a
    # key with a space, nor tell `a-b` from `a_b`.
    stand_ins = {dg.AssetKey([identifier(connection), f"t{at}"]): key for at, key in enumerate(keys)}
    with warnings.catch_warnings():
        # Whoever reads that this function of Dagster is in beta can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        made = dg.build_column_schema_change_checks(assets=list(stand_ins))
        return [checks.with_attributes(asset_key_replacements=stand_ins) for checks in made]


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
        before, instance = Cursor.read(context.cursor), context.instance
        try:
            with SqlWarehouse(self._settings, patience=_PATIENCE, deadline=_DEADLINE) as warehouse:
                found = self._find(warehouse, before, instance, started)
                events = self._events(warehouse, found, started)
        except (errors.TimedOutError, errors.ThrottledError) as error:
            return dg.SkipReason(f"{error} The next tick begins where this one did.")
        due = [change for change, event in zip(found.changes, events, strict=True) if _CHECK_DUE in (event.tags or {})]
        requests = self._requests([*due, *self._not_checked(found, instance)])
        if found.more:
            context.log.info("There are more changes than one tick reports, so the next one goes on.")
        return dg.SensorResult(
            asset_events=events,
            run_requests=requests,
            skip_reason=None if requests else _said(len(events)),
            cursor=str(_read_up_to(before, found)),
        )

    # --- what has changed ---

    def _find(self, warehouse: SqlWarehouse, start: Cursor, instance: dg.DagsterInstance, started: float) -> _Found:
        """Read page by page until there is enough to report, nothing is left, or the time is over."""
        found = _Found(start)
        while found.more and time.monotonic() - started < _READING:
            at, after = found.position.at, found.position.after
            page = read_changes(warehouse, at, after, catalogs=self._catalogs)
            found.now = page.now or found.now
            found.more = not page.whole
            for part in _parts(page.changes, _LOOKED_UP):
                self._look_up(part, instance, found)
                if not all(self._take(change, found) for change in part):
                    found.more = True
                    return found
        return found

    def _look_up(self, changes: Sequence[Change], instance: dg.DagsterInstance, found: _Found) -> None:
        held = (self._watched.get(change.table) for change in changes)
        keys = [key for key in dict.fromkeys(one.key for one in held if one) if key not in found.reported]
        known = {record.asset_entry.asset_key: record for record in instance.get_asset_records(keys)} if keys else {}
        for key in keys:
            found.reported[key] = _reported(known.get(key), instance)
            found.latest[key] = found.reported[key].altered_at

    def _take(self, change: Change, found: _Found) -> bool:
        """Sort a change in; return false, and leave it, if the tick has enough."""
        one = self._watched.get(change.table)
        if one is not None and change.altered_at > found.latest[one.key]:
            columns = found.columns + one.columns
            if len(found.changes) >= self._most or (found.changes and columns > _MOST_COLUMNS):
                return False
            found.columns = columns
            found.changes.append(change)
            found.latest[one.key] = change.altered_at
        elif one is not None and self._checks:
            reported = found.reported[one.key]
            if reported.is_check_due and reported.altered_at == change.altered_at:
                found.unchecked.append(change)
        found.position = Cursor(change.altered_at, change.table)
        return True

    # --- what is made of it ---

    def _events(self, warehouse: SqlWarehouse, found: _Found, started: float) -> list[dg.AssetMaterialization]:
        tables = [change.table for change in found.changes]
        columns = read_columns(warehouse, tables)
        counted = [table for table in tables if self._watched[table].is_counted]
        rows = count_rows(warehouse, counted) if time.monotonic() - started < _COUNTING else {}
        return [
            self._event(change, columns.get(change.table), rows.get(change.table), found) for change in found.changes
        ]

    def _event(
        self, change: Change, columns: Sequence[Column] | None, rows: int | None, found: _Found
    ) -> dg.AssetMaterialization:
        one = self._watched[change.table]
        values: dict[str, dg.TableSchema | dg.TableColumnLineage | dg.MetadataValue | int | None] = {
            COLUMN_SCHEMA: None if columns is None else column_schema(columns),
            "dagster/row_count": rows,
            COLUMN_LINEAGE: one.lineage,
            "dbxexplore/altered": dg.MetadataValue.timestamp(change.altered_at / 1_000_000),
        }
        tags = {ALTERED_AT: str(change.altered_at)}
        if self._checks and columns is not None and found.reported[one.key].has_columns:
            tags[_CHECK_DUE] = "true"
        metadata = {name: value for name, value in values.items() if value is not None}
        return dg.AssetMaterialization(one.key, metadata=metadata, tags=tags)

    # --- checks ---

    def _check(self, change: Change) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(self._watched[change.table].key, CHECK)

    def _not_checked(self, found: _Found, instance: dg.DagsterInstance) -> list[Change]:
        """Return the changes whose check no run was requested for, because an earlier tick was interrupted."""
        if not found.unchecked:
            return []
        # Dagster gives out no public way to ask for checks that are planned and not made yet.
        made = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [self._check(change) for change in found.unchecked]
        )
        left = []
        for change in found.unchecked:
            record = made.get(self._check(change))
            # By the time of the event, because some storages keep that of the record in whole seconds only.
            planned = record.event.timestamp if record and record.event else 0.0
            if planned < found.reported[self._watched[change.table].key].timestamp:
                left.append(change)
        return left

    def _requests(self, changes: Sequence[Change]) -> list[dg.RunRequest]:
        if not changes:
            return []
        text = json.dumps(sorted([*change.table, change.altered_at] for change in changes))
        keys = list(dict.fromkeys(self._check(change) for change in changes))
        run_key = hashlib.sha256(text.encode()).hexdigest()
        return [dg.RunRequest(run_key, asset_selection=[], asset_check_keys=keys)]


def _read_up_to(before: Cursor, found: _Found) -> Cursor:
    # Never back, even where the warehouse's clock was set back.
    settled = Cursor(found.now - _SETTLED)
    return max(before, min(found.position, settled, key=_order), key=_order)


def _order(cursor: Cursor) -> tuple[int, tuple[str, ...]]:
    return cursor.at, cursor.after or ()


def _reported(record: dg.AssetRecord | None, instance: dg.DagsterInstance) -> _Reported:
    last = record.asset_entry.last_materialization_record if record else None
    if last is None or last.asset_materialization is None:
        return _Reported()
    materialization = last.asset_materialization
    has_columns = COLUMN_SCHEMA in materialization.metadata
    if ALTERED_AT not in (materialization.tags or {}):
        # Someone else reports this asset too.
        for one in instance.fetch_materializations(last.asset_key, limit=_MARKS).records if last.asset_key else ():
            if one.asset_materialization and ALTERED_AT in (one.asset_materialization.tags or {}):
                last, materialization = one, one.asset_materialization
                break
    tags = materialization.tags or {}
    return _Reported(int(tags.get(ALTERED_AT, -1)), last.timestamp, _CHECK_DUE in tags, has_columns)


def _parts(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    return (changes[at : at + size] for at in range(0, len(changes), size))


def _said(events: int) -> str:
    return f"Reported {events:,} changes; there is no check to run." if events else "Nothing has changed."
