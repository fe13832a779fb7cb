"""Freshness: a sensor that reports a materialization whenever the data of a table have changed.

What counts as a change is what `dbxexplore.discovery.changes` says: that ``last_altered`` of a table has moved. The
first look at an asset only observes it, so that nothing runs because the sensor was switched on. A change that was
reported already is not reported again, and neither is one that is older than a materialization of somebody else's,
such as a run that has written the table. Of a Delta table, the history tells whether its data have changed or only a
comment, a property or its files; then it is observed, too.

How nothing is lost and nothing doubled: Dagster stores the events of a tick first and its cursor afterwards
(https://docs.dagster.io/guides/automate/sensors), so a tick that is interrupted in between is made again with the old
cursor. Therefore the cursor only says where to look on, and what was reported is asked of the instance itself: each
event carries the time of its change, and the workspace that it is of. A look begins `_SETTLED` before the one before
it did, because a change may come to light later than another that came after it. The cursor says what it is a position
in, too: where other tables are watched, or another workspace, all is looked at again from the start.

A look takes as many ticks as it needs, one after the other; each stays under half of the time that Dagster gives it.
Between two looks, ticks cost nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypeAlias

import dagster as dg

from dbxexplore import errors
from dbxexplore.dagster_sync.freshness.checks import compare_columns
from dbxexplore.dagster_sync.freshness.commits import ChangeKind, kind_of_change
from dbxexplore.dagster_sync.freshness.cursor import Cursor, Position
from dbxexplore.dagster_sync.freshness.reported import ALTERED_AT, VERSION, WORKSPACE, Reported, last_reported
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE
from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA, column_schema
from dbxexplore.discovery.change_sources import ChangeSource
from dbxexplore.discovery.changes import Change, Commit, TableName

_LOG = logging.getLogger("dbxexplore")

Report: TypeAlias = Literal["data", "all"]
Metadata: TypeAlias = "dg.MetadataValue | dg.TableSchema | dg.TableColumnLineage | int | str"
Event: TypeAlias = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation

# Changes that one tick reports. The daemon stores some 50 a second in SQLite, and sends its code server no heartbeat
# meanwhile, which ends itself after 20 seconds without one.
MOST_EVENTS = 500
_MOST_COLUMNS = 50_000  # of all changes of one tick, which travel in one message, with those that lineage names
_MOST_TRACED = 20_000  # columns that the lineage of a table names, beyond which its materializations go without
_MOST_HISTORIES = 100  # tables whose history one tick asks for, a statement each
_LOOKED_UP = 500  # changes that are compared with the instance at one time
_SETTLED = 300_000_000  # microseconds after which no earlier change is expected to come to light any more
# Seconds since its start after which a tick looks at no more changes, and waits no longer for changes, for history,
# for columns and for numbers of rows; Dagster gives it 60.
_LOOKING, _READ, _HISTORY, _DESCRIBED, _COUNTED = 8.0, 12.0, 18.0, 24.0, 28.0
# Seconds until a look that had no answer is made again: a serverless warehouse starts within the first, a classic one
# within both. The look after that fails.
_AGAIN = (60.0, 240.0)


@dataclass(frozen=True)
class Watched:
    """A table or view whose changes are reported: its asset, how many columns it has, and what is known of it."""

    key: dg.AssetKey
    columns: int = 0
    is_delta: bool = False
    lineage: dg.TableColumnLineage | None = None

    @cached_property
    def traced(self) -> int:
        """How many columns of others the lineage names."""
        return sum(map(len, self.lineage.deps_by_column.values())) if self.lineage else 0


@dataclass(frozen=True)
class _News:
    """A change that is to be reported."""

    change: Change
    watched: Watched
    before: Reported
    kind: ChangeKind = "unknown"
    version: int | None = None

    @property
    def is_first(self) -> bool:
        return not self.before.is_known


@dataclass
class _Look:
    """What a tick has found, and how far it has read."""

    position: Position
    workspace: str  # a fingerprint
    news: list[_News] = field(default_factory=list)
    latest: dict[dg.AssetKey, Reported] = field(default_factory=dict)  # with what was found
    size: int = 0  # of all that was found
    now: int = 0  # microseconds since 1970, by the workspace's clock
    ahead: int = 0  # microseconds by which that is ahead of ours
    more: bool = True  # whether there is more than was read
    gaps: list[str] = field(default_factory=list)  # what could not be looked at


class FreshnessSensor:
    """What a tick of the sensor does.

    Args:
        source: makes what changes are looked for in.
        watched: what is looked at, by its name.
        interval: seconds between the beginnings of two looks.
        report: ``data`` reports materializations of changed data only, where that is known; ``all`` reports
            one for each change.
        row_counts: whether rows of Delta tables are counted.
        checks: whether the columns of what has changed are compared.
        most: changes that one tick may report.
    """

    def __init__(  # noqa: PLR0913 - all but two by keyword
        self,
        source: Callable[[], ChangeSource],
        watched: Mapping[TableName, Watched],
        *,
        interval: float = 900.0,
        report: Report = "data",
        row_counts: bool = True,
        checks: bool = True,
        most: int = MOST_EVENTS,
    ) -> None:
        self._source = source
        self._watched = watched
        self._interval = interval
        self._report = report
        self._row_counts = row_counts
        self._checks = checks
        self._most = most

    def tick(self, context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Look for changes, if it is time, and report them.

        Raises:
            WorkspaceError: looking has failed, and is not due again yet.
        """
        now, cursor = time.time(), Cursor.read(context.cursor)
        if now < cursor.due:
            again = f"{datetime.fromtimestamp(cursor.due, UTC):%Y-%m-%d %H:%M:%S} UTC"
            if cursor.failed:
                raise errors.WorkspaceError(cursor.failed, remedy=f"The sensor tries again at {again}")
            return dg.SkipReason(f"The next look is at {again}.")
        try:
            started = time.monotonic()
            with self._source() as source:
                source.wake()
                events, cursor, more = self._look(source, cursor, context.instance, started)
        except (errors.TimedOutError, errors.ThrottledError) as error:
            return self._again_soon(cursor, error, now)
        except errors.DbxExploreError as error:
            return self._failed(cursor, error, now)
        cursor = replace(cursor, due=0.0 if more else now + self._interval, tries=0, failed="")
        return dg.SensorResult(asset_events=events, skip_reason=_said(events, more=more), cursor=str(cursor))

    # --- no answer ---

    def _again_soon(self, cursor: Cursor, error: errors.DbxExploreError, now: float) -> dg.SensorResult:
        if cursor.tries >= len(_AGAIN):
            return self._failed(cursor, error, now)
        due = now + min(_AGAIN[cursor.tries], self._interval)
        cursor = replace(cursor, due=due, tries=cursor.tries + 1, failed="")
        return dg.SensorResult(skip_reason=f"{error} The next look begins where this one did.", cursor=str(cursor))

    def _failed(self, cursor: Cursor, error: errors.DbxExploreError, now: float) -> dg.SensorResult:
        # A tick that fails stores no cursor, and would be made again at once: each of them might start the warehouse
        # again. So this one is skipped, and those until the next look fail without asking anything.
        cursor = replace(cursor, due=now + self._interval, failed=str(error))
        return dg.SensorResult(skip_reason=str(error), cursor=str(cursor))

    # --- what has changed ---

    @cached_property
    def _names(self) -> str:
        return json.dumps(sorted([*name, *watched.key.path] for name, watched in self._watched.items()))

    def _look(
        self, source: ChangeSource, cursor: Cursor, instance: dg.DagsterInstance, started: float
    ) -> tuple[list[Event], Cursor, bool]:
        """Return what is to be reported, where to look on, and whether there is more to look at now."""
        workspace = _fingerprint(source.host)
        of = _fingerprint(workspace, self._names)
        if cursor.of != of:
            if cursor.of:
                _LOG.info(
                    "Other tables are watched than before, so each is looked at again. No change is reported twice."
                )
            cursor = Cursor(of=of, tries=cursor.tries)
        look = _Look(cursor.resume or cursor.start, workspace)
        self._find(source, look, instance, started)
        for gap in look.gaps:
            _LOG.warning("%s", gap)
        self._judge(source, look, started)
        events = self._events(source, look, started)
        # Zero where something could not be looked at, so that the next look begins where this one did.
        began = 0 if look.gaps else cursor.began if cursor.resume else look.now
        if look.more:
            return events, replace(cursor, resume=look.position if look.now else cursor.resume, began=began), True
        # Never back, even where the workspace's clock was set back.
        start = max(cursor.start, min(look.position, Position(began - _SETTLED)))
        return events, replace(cursor, start=start, resume=None, began=0), False

    def _find(self, source: ChangeSource, look: _Look, instance: dg.DagsterInstance, started: float) -> None:
        """Read page by page until there is enough to report, nothing is left, or the time is over."""
        while look.more and time.monotonic() - started < _LOOKING:
            (at, after), asked = look.position, time.time_ns() // 1000
            try:
                page = source.changes(at, after if any(after) else None, started + _READ)
            except (errors.TimedOutError, errors.ThrottledError):
                if not look.now:
                    raise
                return  # with what earlier pages have
            if page.now is not None:
                look.now, look.ahead = page.now, _ahead(asked, page.now, time.time_ns() // 1000)
            look.gaps += page.gaps
            look.more = not page.whole
            for number, part in enumerate(_parts(page.changes)):
                is_late = number > 0 and time.monotonic() - started > _LOOKING
                if is_late or not self._take_all(part, look, instance):
                    look.more = True
                    return

    def _take_all(self, changes: Sequence[Change], look: _Look, instance: dg.DagsterInstance) -> bool:
        first: dict[dg.AssetKey, int] = {}  # time of the first change of each
        for change in changes:
            watched = self._watched.get(change.table)
            if watched is not None and watched.key not in look.latest:
                first.setdefault(watched.key, change.altered_at)
        records = {one.asset_entry.asset_key: one for one in instance.get_asset_records(list(first))} if first else {}
        for key, altered_at in first.items():
            look.latest[key] = last_reported(records.get(key), instance, altered_at, look.workspace)
        return all(self._take(change, look) for change in changes)

    def _take(self, change: Change, look: _Look) -> bool:
        """Keep a change that is to be reported; return false, and leave it, if the tick has enough."""
        watched = self._watched.get(change.table)
        if watched is not None and not _is_reported(change, before := look.latest[watched.key], look.ahead):
            size = watched.columns + min(watched.traced, _MOST_TRACED) if before.is_known else 0
            if len(look.news) >= self._most or (look.news and look.size + size > _MOST_COLUMNS):
                return False
            look.size += size
            look.news.append(_News(change, watched, before))
            look.latest[watched.key] = replace(before, altered_at=change.altered_at)
        look.position = Position(change.altered_at, change.table)
        return True

    def _judge(self, source: ChangeSource, look: _Look, started: float) -> None:
        """Tell changes of data from others, as far as a tick may ask."""
        if self._report == "all":
            return
        asked = [one.change.table for one in look.news if one.watched.is_delta and not one.is_first][:_MOST_HISTORIES]
        histories = source.history(asked, started + _HISTORY) if asked else {}
        look.news = [_judged(one, histories.get(one.change.table), look.ahead) for one in look.news]

    # --- what is reported of it ---

    def _events(self, source: ChangeSource, look: _Look, started: float) -> list[Event]:
        made = [one for one in look.news if not one.is_first and one.kind != "metadata"]
        columns = source.columns([one.change.table for one in made], started + _DESCRIBED) if made else {}
        counted = [one.change.table for one in made if one.watched.is_delta] if self._row_counts else []
        rows = source.rows(counted, started + _COUNTED) if counted else {}
        events: list[Event] = []
        left = 2 * _MOST_COLUMNS  # tables may have grown since they were discovered
        for one in look.news:
            key, metadata, tags = one.watched.key, _metadata(one), _tags(one, look.workspace)
            if one.is_first or one.kind == "metadata":
                events.append(dg.AssetObservation(key, metadata=metadata, tags=tags))
                continue
            held = columns.get(one.change.table) or []
            left -= len(held)
            if left < 0:
                _LOG.warning("%s has too many columns to be reported with them.", ".".join(one.change.table))
            schema = column_schema(held) if held and left >= 0 else None
            lineage = one.watched.lineage if one.watched.traced <= _MOST_TRACED else None
            values: dict[str, Metadata | None] = {
                COLUMN_SCHEMA: schema,
                "dagster/row_count": rows.get(one.change.table),
                COLUMN_LINEAGE: lineage,
            }
            metadata |= {name: value for name, value in values.items() if value is not None}
            events.append(dg.AssetMaterialization(key, metadata=metadata, tags=tags))
            if self._checks and schema is not None and one.before.columns is not None:
                events.append(compare_columns(key, one.before.columns, schema))
        return events


def _is_reported(change: Change, before: Reported, ahead: int) -> bool:
    # In milliseconds, which is what REST returns, where a warehouse returns microseconds.
    if before.altered_at // 1000 >= change.altered_at // 1000:
        return True
    return before.is_known and before.written >= change.altered_at - ahead


def _ahead(asked: int, now: int, answered: int) -> int:
    """Return by how much a clock that said ``now`` in between is certainly ahead of the other."""
    return now - answered if now > answered else min(0, now - asked)


def _judged(one: _News, commits: Sequence[Commit] | None, ahead: int) -> _News:
    if one.is_first:
        return one
    # Not that of a later commit, whose own change is still to come.
    version = next((commit.version for commit in commits or () if commit.at <= one.change.altered_at), None)
    return replace(one, kind=kind_of_change(commits, one.before, ahead), version=version)


def _said(events: Sequence[Event], *, more: bool) -> str:
    counts = [
        sum(isinstance(event, kind) for event in events) for kind in (dg.AssetMaterialization, dg.AssetObservation)
    ]
    said = (
        "Reported {:,} changes of data, and observed {:,} assets.".format(*counts) if events else "Nothing has changed."
    )
    return f"{said} There is more, which the next tick looks at." if more else said


def _metadata(one: _News) -> dict[str, Metadata]:
    altered = dg.MetadataValue.timestamp(one.change.altered_at / 1_000_000)
    return {"dbxexplore/altered": altered, "dbxexplore/change": "first look" if one.is_first else one.kind}


def _tags(one: _News, workspace: str) -> dict[str, str]:
    tags = {ALTERED_AT: str(one.change.altered_at), WORKSPACE: workspace}
    return tags if one.version is None else tags | {VERSION: str(one.version)}


def _fingerprint(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _parts(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[at : at + _LOOKED_UP] for at in range(0, len(changes), _LOOKED_UP))
