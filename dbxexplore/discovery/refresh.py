"""A stale snapshot brought up to date, catalog by catalog."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from dbxexplore import _version, errors
from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import DEPTHS, table_from_series
from dbxexplore.connection import ConnectionSettings, WorkspaceApi
from dbxexplore.discovery.arguments import CALL_TIMEOUT, Strategy, check_catalogs, check_source
from dbxexplore.discovery.crawl import discover
from dbxexplore.discovery.progress import Progress

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


def refresh(  # noqa: PLR0913 - all but the first two by keyword
    source: ConnectionSettings | WorkspaceClient,
    catalog: Catalog,
    *,
    catalogs: Sequence[str],
    max_concurrency: int = 16,
    progress: Callable[[Progress], None] | bool | None = None,
    cancel: threading.Event | None = None,
    deadline: float | None = None,
    strategy: Strategy | None = None,
    warehouse_id: str | None = None,
) -> Catalog:
    """Return ``catalog`` with some of its catalogs listed again, at the depth it has, and the rest as it was.

    What is found replaces all rows and failures of these catalogs, so what was dropped since is gone, and what
    cannot be listed this time is a failure and no longer a row. Everything else keeps its rows and failures, and
    ``provenance.taken_at`` stays the earlier time; what is newer stands in its notes.

    Args:
        source: the workspace that ``catalog`` was discovered from.
        catalog: the stale snapshot; it is not changed.
        catalogs: names of the catalogs to list again, or for the first time.
        max_concurrency: as for `discover`, as are all that follow.
        progress: as for `discover`.
        cancel: as for `discover`.
        deadline: as for `discover`.
        strategy: as for `discover`.
        warehouse_id: as for `discover`.

    Raises:
        SettingsError: an argument or the credential cannot be used, or ``source`` is another workspace than that
            of ``catalog``; nothing was called.
        CatalogError: ``catalog`` was not discovered; nothing was called.
        WorkspaceError: the workspace cannot be reached or refuses the credential.
    """
    names = check_catalogs(catalogs)
    if not names:
        msg = f"catalogs is {catalogs!r}"
        raise errors.SettingsError(msg, expected='the names of those to list again, such as ["main"]')
    depth = next((known for known in DEPTHS if known == catalog.provenance.depth), None)
    if depth is None or catalog.provenance.workspace_url is None:
        msg = "This catalog was not discovered from a workspace"
        raise errors.CatalogError(msg, expected="one that discover has returned or saved")
    _check_workspace(source, catalog)
    fresh = discover(
        source,
        depth=depth,
        catalogs=names,
        notebooks=False,
        max_concurrency=max_concurrency,
        progress=progress,
        cancel=cancel,
        deadline=deadline,
        strategy=strategy,
        warehouse_id=warehouse_id,
    )
    rows = pa.concat_tables([_table(fresh.objects), _table(_others(catalog.objects, names))])
    failures = [*_rows(fresh.failures), *_other_failures(catalog, names)]
    return Catalog.from_table(rows, failures, _provenance(catalog.provenance, fresh.provenance, names))


def _check_workspace(source: ConnectionSettings | WorkspaceClient, catalog: Catalog) -> None:
    calls = WorkspaceApi(check_source(source), timeout=CALL_TIMEOUT, connections=1)
    calls.close()
    if calls.host != catalog.provenance.workspace_url:
        msg = f"The catalog is of {catalog.provenance.workspace_url}, and the connection is to {calls.host}"
        raise errors.SettingsError(msg, expected="the workspace that the catalog was discovered from")


def _table(objects: pd.DataFrame) -> pa.Table:
    return table_from_series({name: objects[name] for name in objects.columns})


def _others(objects: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    is_named = (objects["kind"] == "catalog") & objects["name"].isin(names)
    return objects[~(is_named.to_numpy(dtype=bool) | objects["catalog"].isin(names).to_numpy())]


def _other_failures(catalog: Catalog, names: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    """Yield the failures that are not of the named catalogs.

    A scope is a dotted name whose parts may hold dots themselves, so one that may be of another catalog stays:
    to forget a failure would be to take what is unknown for empty.
    """
    objects = catalog.objects
    containers = objects.loc[objects["kind"] == "catalog", "name"].tolist()
    others = {*containers, *objects["catalog"].dropna().unique().tolist()} - set(names)
    for scope, reason, message in _rows(catalog.failures):
        if not _is_in(scope, names) or _is_in(scope, others):
            yield scope, reason, message


def _is_in(scope: str, catalogs: Iterable[str]) -> bool:
    return any(scope == name or scope.startswith(f"{name}.") for name in catalogs)


def _rows(failures: pd.DataFrame) -> list[tuple[str, str, str]]:
    return [(str(scope), str(reason), str(message)) for scope, reason, message in failures.itertuples(index=False)]


def _provenance(old: Provenance, fresh: Provenance, names: Sequence[str]) -> Provenance:
    assert fresh.taken_at is not None
    by = "" if fresh.identity == old.identity else f" by {fresh.identity or 'an unknown identity'}"
    how = "" if fresh.strategy == old.strategy else f" with the strategy {fresh.strategy}"
    note = f"Listed again {fresh.taken_at:%Y-%m-%d %H:%M} UTC{by}{how}: {', '.join(sorted(names))}."
    notes = dict.fromkeys([*old.notes, *fresh.notes, note])
    return replace(old, notes=tuple(notes), tool_version=_version.__version__)
