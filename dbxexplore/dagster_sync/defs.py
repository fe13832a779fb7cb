"""Definitions of a stored state: an asset per included object, the freshness sensor, and the checks of columns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import dagster as dg

from dbxexplore.dagster_sync.budget import message_budget, within_budget
from dbxexplore.dagster_sync.freshness import FreshnessSensor, Watched, schema_checks
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE, with_lineage
from dbxexplore.dagster_sync.notices import warn_about_no_assets
from dbxexplore.dagster_sync.refresh import identifier
from dbxexplore.dagster_sync.state import State
from dbxexplore.dagster_sync.translate import DatabricksObject, included_objects, table_name, without_collisions
from dbxexplore.export import ConnectionConfig

# Where links lead for a connection whose profile names the workspace; known from the state alone.
state_workspace_url: ContextVar[str | None] = ContextVar("state_workspace_url", default=None)


@dataclass(frozen=True)
class Freshness:
    """How the freshness sensor works: seconds between two ticks, whether rows are counted and columns checked."""

    interval: int
    row_counts: bool
    schema_checks: bool


def definitions(  # noqa: PLR0913 - all but the first two by keyword
    state: State,
    config: ConnectionConfig,
    *,
    get_asset_spec: Callable[[DatabricksObject], dg.AssetSpec],
    schedules: Sequence[dg.ScheduleDefinition],
    freshness: Freshness | None,
    connections: int,
) -> dg.Definitions:
    """Return the definitions of a stored state.

    Args:
        state: what is known of the workspace.
        config: the connection, whose filters are applied.
        get_asset_spec: makes the asset of an object.
        schedules: are added as they are.
        freshness: how changes are reported; None for not at all.
        connections: how many connections the code location has, which all travel in one message.
    """
    preview = config.preview(state.catalog)
    token = state_workspace_url.set(state.catalog.provenance.workspace_url)
    try:
        pairs = [(item, get_asset_spec(item)) for item in included_objects(preview, state.stale)]
    finally:
        state_workspace_url.reset(token)
    if not pairs:
        warn_about_no_assets(state, config)
    keys = {table_name(item): spec.key for item, spec in pairs if item.kind != "notebook"}
    specs = with_lineage(without_collisions(pairs), keys, state.lineage)
    checks, sensors = [], []
    if freshness and keys:
        # Of the whole specs, because what they have in mind for a materialization is not sent on loading.
        lineage = {spec.key: spec.metadata.get(COLUMN_LINEAGE) for spec in specs}
        objects = {table_name(item): item for item, _ in pairs}
        watched = {name: _watched(objects[name], key, lineage.get(key), freshness) for name, key in keys.items()}
        if freshness.schema_checks:
            checks = schema_checks(config.name, list(dict.fromkeys(keys.values())))
        sensors = [
            _sensor(config, FreshnessSensor(config.settings, watched, checks=freshness.schema_checks), freshness)
        ]
    assets = within_budget(specs, message_budget(connections))
    return dg.Definitions(assets=assets, asset_checks=checks, sensors=sensors, schedules=schedules)


def _watched(
    item: DatabricksObject, key: dg.AssetKey, lineage: dg.TableColumnLineage | None, freshness: Freshness
) -> Watched:
    return Watched(
        key,
        columns=len(item.columns or ()),
        is_counted=freshness.row_counts and item.kind == "table" and item.format == "DELTA",
        lineage=lineage,
    )


def _sensor(config: ConnectionConfig, sensor: FreshnessSensor, freshness: Freshness) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=f"{identifier(config.name)}_freshness",
        description=f"Reports what has changed in the workspace of the connection {config.name}.",
        evaluation_fn=sensor.tick,
        minimum_interval_seconds=freshness.interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.all_asset_checks() if freshness.schema_checks else None,
    )


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Turn Python's garbage collection off meanwhile.

    Definitions are a million objects that all stay. Searching them for garbage each time that some more have been
    made takes longer than making them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
