"""See what a Dagster+ Databricks Connection would sync, before it does.

::

    import dbxexplore as dbx

    settings = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
    catalog = dbx.discover(settings)
    filters = dbx.Filters(catalogs=dbx.Patterns(allow=["^prod$"]))
    filters.preview(catalog).counts()

``dbx.explore()`` opens the same as widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbxexplore._version import __version__

if TYPE_CHECKING:
    from dbxexplore import catalog, connection, demo, discovery, errors, export, filters, permissions, plots
    from dbxexplore.catalog import Catalog, Provenance
    from dbxexplore.connection import (
        ConnectionReport,
        ConnectionSettings,
        OAuthM2MAuth,
        ProfileAuth,
        RuntimeAuth,
        TokenAuth,
    )
    from dbxexplore.discovery import Progress, discover
    from dbxexplore.discovery.enrich import enrich
    from dbxexplore.discovery.refresh import refresh
    from dbxexplore.errors import DbxExploreError
    from dbxexplore.export.config import ConnectionConfig, Schedule
    from dbxexplore.filters import (
        Dialect,
        Explanation,
        Filters,
        Finding,
        Findings,
        Patterns,
        Preview,
        Suggestion,
        suggest_filters,
    )
    from dbxexplore.widgets import explore

# Where each public name lives. A module is imported when its first name is asked for, so that
# `import dbxexplore` does not wait for the Databricks SDK, pydantic or ipywidgets.
_HOME = {
    "Catalog": "catalog",
    "ConnectionConfig": "export.config",
    "ConnectionReport": "connection",
    "ConnectionSettings": "connection",
    "DbxExploreError": "errors",
    "Dialect": "filters",
    "Explanation": "filters",
    "Filters": "filters",
    "Finding": "filters",
    "Findings": "filters",
    "OAuthM2MAuth": "connection",
    "Patterns": "filters",
    "Preview": "filters",
    "ProfileAuth": "connection",
    "Progress": "discovery",
    "Provenance": "catalog",
    "RuntimeAuth": "connection",
    "Schedule": "export.config",
    "Suggestion": "filters",
    "TokenAuth": "connection",
    "discover": "discovery",
    "enrich": "discovery",
    "explore": "widgets",
    "refresh": "discovery",
    "suggest_filters": "filters",
}
_MODULES = ("catalog", "connection", "demo", "discovery", "errors", "export", "filters", "permissions", "plots")

__all__ = [
    "Catalog",
    "ConnectionConfig",
    "ConnectionReport",
    "ConnectionSettings",
    "DbxExploreError",
    "Dialect",
    "Explanation",
    "Filters",
    "Finding",
    "Findings",
    "OAuthM2MAuth",
    "Patterns",
    "Preview",
    "ProfileAuth",
    "Progress",
    "Provenance",
    "RuntimeAuth",
    "Schedule",
    "Suggestion",
    "TokenAuth",
    "__version__",
    "catalog",
    "connection",
    "demo",
    "discover",
    "discovery",
    "enrich",
    "errors",
    "explore",
    "export",
    "filters",
    "permissions",
    "plots",
    "refresh",
    "suggest_filters",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
