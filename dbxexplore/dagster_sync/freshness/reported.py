"""What the sensor has reported before: asked of the instance, which stores events before it stores a cursor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA

ALTERED_AT = "dbxexplore/altered_at"  # tag of a materialization: the time of its change, in microseconds since 1970
WORKSPACE = (
    "dbxexplore/workspace"  # a tag too: a fingerprint of where; those of earlier versions have none and count for any
)
CHECK_DUE = "dbxexplore/check_due"  # a tag too: the materialization before it has columns to compare
_SKEW = 86_400.0  # seconds by which Dagster's clock may be behind the warehouse's
_PAGES = (4, 16, 64, 256)  # materializations that are looked at together; the last again and again


@dataclass(frozen=True)
class Reported:
    """The latest materialization of an asset that this sensor has reported, and whether the latest of all has columns.

    ``altered_at`` is -1 where there is none of this sensor; ``timestamp`` is in seconds since 1970.
    """

    altered_at: int = -1
    timestamp: float = 0.0
    is_check_due: bool = False
    has_columns: bool = False


def last_reported(
    record: dg.AssetRecord | None, instance: dg.DagsterInstance, altered_at: int, workspace: str
) -> Reported:
    """Return what is known of an asset; ``altered_at`` is the time of the change that is to be reported, or was."""
    last = record.asset_entry.last_materialization_record if record else None
    if last is None or last.asset_materialization is None:
        return Reported()
    latest = last.asset_materialization
    timestamp, made = last.timestamp, latest
    if not _is_ours(latest, workspace):
        # Someone else reports this asset too. Ours of this change, if there is one, is later than the change.
        since = max(0.0, altered_at / 1_000_000 - _SKEW)
        later = _materializations(instance, dg.AssetRecordsFilter(latest.asset_key, after_timestamp=since))
        ours = next((item for item in later if _is_ours(item[1], workspace)), None)
        if ours is None:
            return Reported(has_columns=COLUMN_SCHEMA in latest.metadata)
        timestamp, made = ours
    tags = made.tags or {}
    return Reported(int(tags[ALTERED_AT]), timestamp, CHECK_DUE in tags, COLUMN_SCHEMA in latest.metadata)


def _is_ours(made: dg.AssetMaterialization, workspace: str) -> bool:
    tags = made.tags or {}
    return ALTERED_AT in tags and tags.get(WORKSPACE, workspace) == workspace


def _materializations(
    instance: dg.DagsterInstance, what: dg.AssetKey | dg.AssetRecordsFilter
) -> Iterator[tuple[float, dg.AssetMaterialization]]:
    """Yield materializations with their time in seconds since 1970, the latest first."""
    cursor: str | None = None
    for limit in itertools.chain(_PAGES, itertools.repeat(_PAGES[-1])):
        page = instance.fetch_materializations(what, limit=limit, cursor=cursor)
        yield from (
            (record.timestamp, record.asset_materialization) for record in page.records if record.asset_materialization
        )
        cursor = page.cursor
        if not page.has_more:
            return
