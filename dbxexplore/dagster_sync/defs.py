"""Definitions of a stored state: an asset per included object, the freshness sensor, and the checks of columns."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import dagster as dg

from dbxexplore.dagster_sync.beside import Beside, Built, OnCollision, keys_beside, without_taken
from dbxexplore.dagster_sync.budget import message_budget, within_budget
from dbxexplore.dagster_sync.freshness import FreshnessSensor, Report, Watched, schema_checks
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE, sources, with_lineage
from dbxexplore.dagster_sync.notices import warn_about_no_assets
from dbxexplore.dagster_sync.refresh import identifier
from dbxexplore.dagster_sync.translate import (
    DatabricksObject,
    included_objects,
    table_name,
    translated_specs,
    without_collisions,
)
from dbxexplore.discovery.change_sources import change_source
from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.state import State
from dbxexplore.export import ConnectionConfig

_TICKS = 15  # seconds between two ticks of the sensor, of which most only say when the next look is due
_PATIENCE = 15.0  # seconds that a tick waits for a warehouse to start


@dataclass(frozen=True)
class Freshness:
    """How the freshness sensor works: seconds between two looks, what is reported, what is counted and checked."""

    interval: int
    report: Report
    row_counts: bool
    schema_checks: bool


def definitions(  # noqa: PLR0913 - all but the first two by keyword
    state: State,
    config: ConnectionConfig,
    *,
    get_asset_spec: Callable[[DatabricksObject], dg.AssetSpec | None],
    schedules: Sequence[dg.ScheduleDefinition],
    freshness: Freshness | None,
    beside: Sequence[Beside] = (),
    on_collision: OnCollision = "error",
) -> tuple[dg.Definitions, Built]:
    """Return the definitions of a stored state, and what other connections have to know of them.

    Args:
        state: what is known of the workspace.
        config: the connection, whose filters are applied.
        get_asset_spec: makes the asset of an object; None leaves it out.
        schedules: are added as they are.
        freshness: how changes are reported; None for not at all.
        beside: the other connections of the code location.
        on_collision: what to do about an asset key that one of them has already.

    Raises:
        ConfigError: another connection has the key of an object, which is not to be skipped.
    """
    preview = config.preview(state.catalog)
    # Only the state knows the workspace of a connection whose profile names it.
    workspace_url = config.settings.workspace_url or state.catalog.provenance.workspace_url
    pairs = translated_specs(
        included_objects(preview, state.stale, workspace_url, tags=state.tags.by_object()), get_asset_spec, config
    )
    if not pairs:
        warn_about_no_assets(state, config)
    pairs = without_taken(pairs, config, beside, on_collision)
    keys = {table_name(item): spec.key for item, spec in pairs if item.kind != "notebook"}
    elsewhere = keys_beside(sources(state.lineage) - set(keys), state.catalog, workspace_url, beside) if beside else {}
    fixed = {key: deps for one in beside if one.built for key, deps in one.built.deps.items()}
    specs = with_lineage(without_collisions(pairs), keys, state.lineage, beside=elsewhere, fixed=fixed)
    checks, sensors = [], []
    if freshness and keys:
        # Of the whole specs, because what they have in mind for a materialization is not sent on loading.
        lineage = {spec.key: spec.metadata.get(COLUMN_LINEAGE) for spec in specs}
        objects = {table_name(item): item for item, _ in pairs}
        watched = {name: _watched(objects[name], key, lineage.get(key)) for name, key in keys.items()}
        if freshness.schema_checks:
            checks = schema_checks(config.name, list(dict.fromkeys(keys.values())))
        sensors = [_sensor(config, watched, freshness)]
    assets = within_budget(specs, message_budget(1 + len(beside)))
    built = Built(
        workspace_url,
        objects={spec.key: item for item, spec in reversed(pairs)},
        deps={spec.key: [dep.asset_key for dep in spec.deps] for spec in assets if spec.deps},
    )
    return dg.Definitions(assets=assets, asset_checks=checks, sensors=sensors, schedules=schedules), built


def _watched(item: DatabricksObject, key: dg.AssetKey, lineage: dg.TableColumnLineage | None) -> Watched:
    is_delta = item.kind == "table" and item.format == "DELTA"
    return Watched(key, columns=len(item.columns or ()), is_delta=is_delta, lineage=lineage)


def _sensor(
    config: ConnectionConfig, watched: Mapping[TableName, Watched], freshness: Freshness
) -> dg.SensorDefinition:
    settings = config.settings
    sensor = FreshnessSensor(
        partial(change_source, settings, watched, patience=_PATIENCE),
        watched,
        interval=freshness.interval,
        report=freshness.report,
        row_counts=freshness.row_counts,
        checks=freshness.schema_checks,
    )
    means = (
        f"Each look starts the SQL warehouse {settings.warehouse_id} if it rests, and it costs what that runs."
        if settings.warehouse_id
        else "It lists the schemas that hold them over REST; naming a SQL warehouse adds numbers of rows, and tells "
        "changes of data from others."
    )
    return dg.SensorDefinition(
        name=f"{identifier(config.name)}_freshness",
        description=f"Reports what has changed of {len(watched):,} tables and views of the connection {config.name}, "
        f"every {freshness.interval} seconds once it is switched on. {means}",
        evaluation_fn=sensor.tick,
        minimum_interval_seconds=min(_TICKS, freshness.interval),
        default_status=dg.DefaultSensorStatus.STOPPED,
    )


@contextmanager
def building() -> Iterator[None]:
    """Turn off meanwhile what would make building definitions slow or noisy.

    Definitions are a million objects that all stay, and searching them for garbage each time that some more have been
    made takes longer than making them. That virtual assets are a preview in Dagster would be told for each view, to
    people who can do nothing about it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)
            yield
    finally:
        if enabled:
            gc.enable()
