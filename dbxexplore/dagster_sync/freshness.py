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
import itertools
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import dagster as dg

from dbxexplore import errors
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE
from dbxexplore.dagster_sync.refresh import identifier
from dbxexplore.dagster_sync.translate import Column, column_schema
from dbxexplore.discovery.changes import Change, TableName, count_rows, read_changes, read_columns
from dbxexplore.discovery.warehouse import SqlWarehouse

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

    from dbxexplore.connection import ConnectionSettings

_LOG = logging.getLogger("dbxexplore")
_T = TypeVar("_T")

CHECK = "column_schema_change"  # what Dagster calls its check
ALTERED_AT = "dbxexplore/altered_at"  # tag of a materialization: the time of its change, in microseconds since 1970
_WORKSPACE = "dbxexplore/workspace"  # likewise: a fingerprint of where; marks of old have none and count for any
_CHECK_DUE = "dbxexplore/check_due"  # likewise: the one before it has columns to be compared with
COLUMN_SCHEMA = "dagster/column_schema"

MOST_EVENTS = 500  # of one tick
_MOST_COLUMNS = 50_000  # of all events of one tick, which travel in one message
_MOST_BYTES = 32_000_000  # likewise, as JSON; Dagster takes 100 MB
# Assets whose checks are one step: what Dagster needs to load a code location grows with their square (6.5 s for one
# step of 1,200), and each step of a run takes a while to start.
_CHECKED_TOGETHER = 50
_LOOKED_UP = 500  # changes that are compared with the instance at one time
_SETTLED = 300_000_000  # microseconds after which no earlier change is expected to come to light any more
_PATIENCE = 15.0  # seconds that a warehouse may take to start
# Seconds since its start after which a tick begins to look at no more changes, and waits no longer for changes, for
# columns and for numbers of rows; Dagster gives it 60.
_LOOKING, _READ, _DESCRIBED, _COUNTED = 20.0, 35.0, 45.0, 50.0
_SKEW = 86_400.0  # seconds by which Dagster's clock may be behind the warehouse's
_PAGES = (4, 16, 64, 256)  # materializations that are looked at together; the last again and again


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
    """Where to read on: at a time in microseconds since 1970, behind a name among what was altered at that time.

    ``of`` is a fingerprint of what it is a position in; that of an earlier version of this package is empty.
    """

    at: int = 0
    after: TableName | None = None
    of: str = ""

    def __str__(self) -> str:
        return json.dumps({"version": 1, "at": self.at, "after": self.after, "of": self.of})

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Return what ``str`` made text of; what it did not, starts anew, which doubles nothing."""
        try:
            value = json.loads(text or "{}")
            after = TableName(*value["after"]) if value.get("after") else None
            return cls(int(value.get("at", 0)), after, str(value.get("of", "")))
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
    workspace: str  # a fingerprint
    changes: list[Change] = field(default_factory=list)  # that were not reported
    unchecked: list[Change] = field(default_factory=list)  # that were, and whose check may be left to make
    reported: dict[dg.AssetKey, _Reported] = field(default_factory=dict)  # before this tick
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


def schema_checks(connection: str, keys: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """Return Dagster's check of the columns of each asset, which fails when one was added, removed or retyped.

    It compares the latest two materializations, so it wants to be run after each, and finds nothing where one of them
    has no columns.
    """
    # The check is made of keys that stand in for the real ones: Dagster makes Python names of them, and cannot of a
    # key with a space, nor tell `a-b` from `a_b`.
    stand_ins = [(dg.AssetKey([identifier(connection), f"t{at}"]), key) for at, key in enumerate(keys)]
    with warnings.catch_warnings():
        # Whoever reads that this function of Dagster is in beta can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [
            checks.with_attributes(asset_key_replacements=part)
            for part in map(dict, _parts(stand_ins, _CHECKED_TOGETHER))
            for checks in dg.build_column_schema_change_checks(assets=list(part))
        ]


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
                found = self._find(warehouse, _Found(before, workspace), instance, started)
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

    @cached_property
    def _names(self) -> str:
        return json.dumps(sorted([*name, *one.key.path] for name, one in self._watched.items()))

    def _start(self, cursor: str | None, workspace: str) -> Cursor:
        """Return where to begin: at the cursor, or anew if it is one in something else."""
        found, of = Cursor.read(cursor), _fingerprint(workspace, self._names)
        if found.of == of:
            return found
        if cursor:
            _LOG.info("Other tables are watched than before, so each is looked at again. No change is reported twice.")
        return Cursor(of=of)

    def _find(self, warehouse: SqlWarehouse, found: _Found, instance: dg.DagsterInstance, started: float) -> _Found:
        """Read page by page until there is enough to report, nothing is left, or the time is over."""
        while found.more and time.monotonic() - started < _LOOKING:
            at, after = found.position.at, found.position.after
            try:
                page = read_changes(warehouse, at, after, catalogs=self._catalogs, until=started + _READ)
            except (errors.TimedOutError, errors.ThrottledError):
                if not found.now:
                    raise
                return found  # of earlier pages
            found.now = page.now or found.now
            found.more = not page.whole
            for number, part in enumerate(_parts(page.changes, _LOOKED_UP)):
                is_late = number > 0 and time.monotonic() - started > _LOOKING
                if is_late or not self._take_all(part, instance, found):
                    found.more = True
                    return found
        return found

    def _take_all(self, changes: Sequence[Change], instance: dg.DagsterInstance, found: _Found) -> bool:
        self._look_up(changes, instance, found)
        return all(self._take(change, found) for change in changes)

    def _look_up(self, changes: Sequence[Change], instance: dg.DagsterInstance, found: _Found) -> None:
        first: dict[dg.AssetKey, int] = {}  # time of the first change of each
        for change in changes:
            one = self._watched.get(change.table)
            if one is not None and one.key not in found.reported:
                first.setdefault(one.key, change.altered_at)
        records = instance.get_asset_records(list(first)) if first else ()
        known = {record.asset_entry.asset_key: record for record in records}
        for key, altered_at in first.items():
            found.reported[key] = _reported(known.get(key), instance, altered_at, found.workspace)
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
        read = read_columns(warehouse, [change.table for change in found.changes], until=started + _DESCRIBED)
        sizes = {table: _size_of_columns(columns) for table, columns in read.items()}
        for table in [table for table, size in sizes.items() if size > _MOST_BYTES]:
            _LOG.warning("%s has too many columns to be reported with them.", ".".join(table))
            sizes[table] = 0
        found.keep(self._fitting(found.changes, sizes))
        tables = [change.table for change in found.changes]
        counted = [table for table in tables if self._watched[table].is_counted]
        rows = count_rows(warehouse, counted, until=started + _COUNTED)
        return [
            self._event(change, read[change.table] if sizes.get(change.table) else None, rows.get(change.table), found)
            for change in found.changes
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
            size += sizes.get(change.table, 0) + _size_of_lineage(self._watched[change.table].lineage)
            if at > 0 and (size > _MOST_BYTES or (waits and change.table not in sizes)):
                return at
        return len(changes)

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
        tags = {ALTERED_AT: str(change.altered_at), _WORKSPACE: found.workspace}
        if self._checks and columns is not None and found.reported[one.key].has_columns:
            tags[_CHECK_DUE] = "true"
        metadata = {name: value for name, value in values.items() if value is not None}
        return dg.AssetMaterialization(one.key, metadata=metadata, tags=tags)

    # --- checks ---

    def _check(self, change: Change) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(self._watched[change.table].key, CHECK)

    def _not_checked(self, found: _Found, instance: dg.DagsterInstance) -> list[Change]:
        """Return the changes whose check no run was requested for, because an earlier tick was interrupted."""
        made: dict[dg.AssetCheckKey, AssetCheckExecutionRecord] = {}
        for part in _parts(found.unchecked, _LOOKED_UP):
            # Dagster gives out no public way to ask for checks that are planned and not made yet.
            keys = [self._check(change) for change in part]
            made |= instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
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
    return replace(max(before, min(found.position, settled, key=_order), key=_order), of=before.of)


def _order(cursor: Cursor) -> tuple[int, tuple[str, ...]]:
    return cursor.at, cursor.after or ()


def _reported(
    record: dg.AssetRecord | None, instance: dg.DagsterInstance, altered_at: int, workspace: str
) -> _Reported:
    """Return what is known of an asset; ``altered_at`` is the time of the change that is to be reported, or was."""
    last = record.asset_entry.last_materialization_record if record else None
    if last is None or last.asset_materialization is None:
        return _Reported()
    latest = last.asset_materialization
    timestamp, made = last.timestamp, latest
    if not _is_ours(latest, workspace):
        # Someone else reports this asset too. Ours of this change, if there is one, is later than the change.
        since = max(0.0, altered_at / 1_000_000 - _SKEW)
        later = _materializations(instance, dg.AssetRecordsFilter(latest.asset_key, after_timestamp=since))
        ours = next((one for one in later if _is_ours(one[1], workspace)), None)
        if ours is None:
            return _Reported(has_columns=COLUMN_SCHEMA in latest.metadata)
        timestamp, made = ours
    tags = made.tags or {}
    return _Reported(int(tags[ALTERED_AT]), timestamp, _CHECK_DUE in tags, COLUMN_SCHEMA in latest.metadata)


def _is_ours(made: dg.AssetMaterialization, workspace: str) -> bool:
    tags = made.tags or {}
    return ALTERED_AT in tags and tags.get(_WORKSPACE, workspace) == workspace


def _materializations(
    instance: dg.DagsterInstance, what: dg.AssetKey | dg.AssetRecordsFilter
) -> Iterator[tuple[float, dg.AssetMaterialization]]:
    """Yield materializations with their time in seconds since 1970, the latest first."""
    cursor: str | None = None
    for limit in itertools.chain(_PAGES, itertools.repeat(_PAGES[-1])):
        page = instance.fetch_materializations(what, limit=limit, cursor=cursor)
        yield from ((one.timestamp, one.asset_materialization) for one in page.records if one.asset_materialization)
        cursor = page.cursor
        if not page.has_more:
            return


# --- how much it is ---


def _size_of_columns(columns: Sequence[Column]) -> int:
    """Return about how many bytes Dagster makes of the columns of a table, 0 if there are none."""
    return sum(_BESIDES + len(json.dumps(column)) for column in columns)


def _size_of_lineage(lineage: dg.TableColumnLineage | None) -> int:
    if lineage is None:
        return _BESIDES
    deps = (dep for deps in lineage.deps_by_column.values() for dep in deps)
    return _BESIDES + sum(_BESIDES + len(json.dumps([*dep.asset_key.path, dep.column_name])) for dep in deps)


_BESIDES = 150  # bytes of the names of the fields


def _fingerprint(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _parts(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _said(events: int) -> str:
    return f"Reported {events:,} changes; there is no check to run." if events else "Nothing has changed."
