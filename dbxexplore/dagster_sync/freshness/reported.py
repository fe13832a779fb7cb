"""What has been reported before: asked of the instance, which stores events before it stores a cursor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import dagster as dg

from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA

# Tags of an event: the time of its change in microseconds since 1970, a fingerprint of the workspace, and the version
# that a Delta table had. Events of earlier releases name no workspace, and count for any.
ALTERED_AT, WORKSPACE, VERSION = "dbxexplore/altered_at", "dbxexplore/workspace", "dbxexplore/version"
_PAGES = (4, 16, 64, 256)  # events that are read together; the last again and again


@dataclass(frozen=True)
class Reported:
    """What is known of an asset; times are microseconds since 1970, -1 where there is none.

    ``altered_at`` is the time of the latest change that this sensor has reported, and ``version`` the version of the
    table then. ``stored`` is when that was, and ``written`` when a run or anybody else reported the latest
    materialization, both by Dagster's clock. ``columns`` are those of the latest materialization.
    """

    altered_at: int = -1
    stored: int = -1
    version: int | None = None
    written: int = -1
    columns: dg.TableSchema | None = None

    @property
    def is_known(self) -> bool:
        """Whether this sensor has looked at the asset before."""
        return self.stored >= 0


def last_reported(
    record: dg.AssetRecord | None, instance: dg.DagsterInstance, altered_at: int, workspace: str
) -> Reported:
    """Return what is known of an asset, whose ``record`` is None where it has no event at all.

    ``altered_at`` is the time of the change that is to be reported: where it was, no more is looked up.
    """
    if record is None:
        return Reported()
    key, found = record.asset_entry.asset_key, Reported()
    last = record.asset_entry.last_materialization_record
    made = last.asset_materialization if last else None
    if last is not None and made is not None:
        schema = made.metadata.get(COLUMN_SCHEMA)
        found = Reported(columns=schema.value if isinstance(schema, dg.TableSchemaMetadataValue) else None)
        if _is_ours(made.tags, workspace):
            found = _with_event(found, last.timestamp, made.tags)
        else:
            found = replace(found, written=_micros(last.timestamp))
    if found.altered_at >= altered_at:
        return found
    # Each asset was observed once before anything else was reported of it, except by earlier releases.
    for fetch in (instance.fetch_observations, *(() if found.is_known else (instance.fetch_materializations,))):
        ours = next(((at, tags) for at, tags in _events(fetch, key) if _is_ours(tags, workspace)), None)
        if ours is not None:
            return max(found, _with_event(found, *ours), key=lambda one: one.altered_at)
    return found


def _with_event(found: Reported, timestamp: float, tags: Mapping[str, str] | None) -> Reported:
    tags = tags or {}
    version = tags.get(VERSION, "")
    return replace(
        found,
        altered_at=int(tags[ALTERED_AT]),
        stored=_micros(timestamp),
        version=int(version) if version.isdigit() else None,
    )


def _is_ours(tags: Mapping[str, str] | None, workspace: str) -> bool:
    tags = tags or {}
    return tags.get(ALTERED_AT, "").isdigit() and tags.get(WORKSPACE, workspace) == workspace


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _events(
    fetch: Callable[..., dg.EventRecordsResult], key: dg.AssetKey
) -> Iterator[tuple[float, Mapping[str, str] | None]]:
    """Yield the time and the tags of events of an asset, the latest first."""
    cursor: str | None = None
    for limit in itertools.chain(_PAGES, itertools.repeat(_PAGES[-1])):
        page = fetch(key, limit=limit, cursor=cursor)
        for record in page.records:
            event = record.asset_materialization or record.event_log_entry.asset_observation
            if event is not None:
                yield record.timestamp, event.tags
        cursor = page.cursor
        if not page.has_more:
            return
