"""Details or columns for a part of a catalog, without crawling again what is known already."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import Depth, table_from_series
from dbxexplore.connection import ConnectionSettings, WorkspaceApi
from dbxexplore.discovery.arguments import CALL_TIMEOUT, check_concurrency, check_depth, check_source
from dbxexplore.discovery.engine import Crawler
from dbxexplore.discovery.memory import lean_memory
from dbxexplore.discovery.progress import Progress
from dbxexplore.discovery.rest import UnityCatalog
from dbxexplore.discovery.rows import Rows

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


def enrich(  # noqa: PLR0913 - all but the first three by keyword
    source: ConnectionSettings | WorkspaceClient,
    catalog: Catalog,
    selection: pd.Series,
    *,
    depth: Depth = "columns",
    max_concurrency: int = 16,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Catalog:
    """Return ``catalog`` with details or columns for a selection of its tables and views.

    Only the schemas that hold a selected object are listed, one chain of calls each. Objects that are not
    selected, and selected ones that are not there any more, stay as they are; new ones are not added.

    Args:
        source: where the catalog was discovered from.
        catalog: what is to be enriched; it is not changed.
        selection: a boolean Series on the index of ``catalog.objects``, such as ``preview.included``.
        depth: ``details`` or ``columns``.
        max_concurrency: how many calls may run at once, 1 to 64.
        progress: as for `discover`.
        cancel: as for `discover`; what was not listed by then stands in ``failures`` as cancelled.

    Raises:
        SettingsError: an argument or the credential cannot be used; nothing was called.
        WorkspaceError: the workspace cannot be reached or refuses the credential.
    """
    check_depth(depth, ("details", "columns"))
    check_concurrency(max_concurrency)
    chosen = _chosen(catalog, selection)
    calls = WorkspaceApi(check_source(source), timeout=CALL_TIMEOUT, connections=max_concurrency)
    rows = Rows()
    unity = UnityCatalog(rows, depth, None)
    requests = [
        request
        for name, within in chosen.groupby("catalog", observed=True)
        for request in unity.list_schemas(str(name), [str(one) for one in within["schema"].unique()])
    ]
    crawler = Crawler(
        calls, max_concurrency=max_concurrency, cancel=cancel, progress=progress, count_objects=lambda: rows.count
    )
    with lean_memory():
        try:
            crawler.run(requests)
        finally:
            calls.close()
        crawler.record(unity.finish())
        known = table_from_series({name: catalog.objects[name] for name in catalog.objects.columns})
        wanted = table_from_series({name: chosen[name] for name in chosen.columns})
        found = rows.table()
        found = found.filter(pc.is_in(_keys(found), value_set=_keys(wanted)))
        failures: list[tuple[str, str, str]] = list(catalog.failures.itertuples(index=False, name=None))
        # Of two rows for one object the first is kept, so what was found now goes first.
        return Catalog.from_table(pa.concat_tables([found, known]), [*failures, *crawler.failures], catalog.provenance)


def _chosen(catalog: Catalog, selection: pd.Series) -> pd.DataFrame:
    objects = catalog.objects
    fits = isinstance(selection, pd.Series) and len(selection) == len(objects) and selection.index.equals(objects.index)
    if not fits or not pd.api.types.is_bool_dtype(selection.dtype):
        msg = "The selection does not fit the catalog"
        raise errors.SettingsError(msg, expected="a boolean Series on the index of catalog.objects")
    chosen = selection.fillna(False).to_numpy(dtype=bool)  # noqa: FBT003 - pandas' signature
    return objects[chosen & objects["kind"].isin(["table", "view"]).to_numpy()]


def _keys(table: pa.Table) -> pa.ChunkedArray:
    # Names may contain dots, so join on NUL.
    parts = [table[name].cast(pa.string()) for name in ("catalog", "schema", "name")]
    return pc.binary_join_element_wise(*parts, "\x00", null_handling="replace", null_replacement="")
