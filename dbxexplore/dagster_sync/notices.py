"""Warnings on a stored state and on what a connection makes of it, in the log of the code location."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dbxexplore import errors
from dbxexplore.dagster_sync.translate import group_name
from dbxexplore.discovery.state import State
from dbxexplore.export import ConnectionConfig

_LOG = logging.getLogger("dbxexplore")
REFRESH = "Refresh it: dg utils refresh-defs-state"


def warn_about_state(
    state: State, config: ConnectionConfig, failed: Sequence[errors.DbxExploreError], *, wants_lineage: bool
) -> None:
    """Log what a reader should know of a stored state: its age, its gaps, and how it differs from the connection."""
    provenance = state.catalog.provenance
    for error in failed:
        _LOG.warning(
            "The state of the connection %r could not be refreshed: %s The stored state%s is shown.",
            config.name,
            error,
            f" of {provenance.taken_at:%Y-%m-%d %H:%M} UTC" if provenance.taken_at else "",
        )
    if group_name(config.name) != config.name:
        _LOG.info(
            "%r is not a valid group name in Dagster, so the group is %r. The asset keys keep the name of the connection.",
            config.name,
            group_name(config.name),
        )
    url = config.settings.workspace_url
    if url and provenance.workspace_url and url != provenance.workspace_url:
        _LOG.warning(
            "The state is from %s, but the connection points to %s. %s", provenance.workspace_url, url, REFRESH
        )
    if wants_notebooks(config) and not state.notebooks:
        _LOG.warning("The filters include notebooks, but the state was taken without them. %s", REFRESH)
    if not state.catalog.complete:
        _LOG.warning(
            "The last discovery was incomplete: %d scopes couldn't be listed. %d objects are kept from earlier ones.",
            len(state.catalog.failures),
            len(state.stale),
        )
    for problem in state.lineage.problems:
        _LOG.warning("%s The lineage shown is from an earlier refresh.", problem)
    if state.tags.problem:
        _LOG.warning("%s The tags shown are from an earlier refresh.", state.tags.problem)
    if wants_lineage and config.settings.warehouse_id and state.lineage.tables is None:
        _LOG.warning("The state contains no lineage. %s", REFRESH)


def warn_about_no_assets(state: State, config: ConnectionConfig) -> None:
    """Log why a connection has no assets, and what to do about it."""
    counts = state.catalog.counts()
    total = sum(counts[kind] for kind in ("table", "view", "notebook"))
    if total:
        _LOG.warning(
            "The filters of the connection %r exclude all %s tables, views and notebooks, so it has no assets. Run "
            "dbxexplore preview --explain NAME to see why.",
            config.name,
            f"{total:,}",
        )
    else:
        _LOG.warning(
            "The state of the connection %r contains no tables, views or notebooks, so it has no assets. Grant "
            "its credential USE CATALOG, USE SCHEMA and SELECT on what to sync, and refresh the state. %s",
            config.name,
            REFRESH,
        )


def wants_notebooks(config: ConnectionConfig) -> bool:
    """Return whether the filters let any notebook through."""
    return bool(config.filters.notebooks.allow) or config.dialect.empty_allow == "everything"
