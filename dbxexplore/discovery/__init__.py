"""Discovery: every object that a credential can see, and every scope that it could not list."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import DEPTHS, Depth
from dbxexplore.connection import ApiCalls, ConnectionSettings, Json, mask
from dbxexplore.discovery.arguments import (
    CALL_TIMEOUT,
    check_catalogs,
    check_concurrency,
    check_deadline,
    check_depth,
    check_folders,
    check_source,
)
from dbxexplore.discovery.enrich import enrich
from dbxexplore.discovery.gather import Gatherer, Progress, Step
from dbxexplore.discovery.memory import lean_memory
from dbxexplore.discovery.notebooks import NotebookTree
from dbxexplore.discovery.unity_rest import METASTORE, Rows, UnityCatalog

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

__all__ = ["Depth", "Progress", "discover", "enrich"]

_SUMMARY_NOTE = (
    "Table summaries list what this credential may use. What it may only browse, and schemas that are closed to it, "
    "are seen or reported at depth details."
)


def discover(  # noqa: PLR0913 - all but the source by keyword
    source: ConnectionSettings | WorkspaceClient,
    *,
    depth: Depth = "summary",
    catalogs: Sequence[str] | None = None,
    notebooks: bool = True,
    max_concurrency: int = 16,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    deadline: float | None = None,
    roots: Sequence[str] = ("/",),
    exclude_folders: Sequence[str] = (),
) -> Catalog:
    """List the catalogs, schemas, tables, views and notebooks that a credential can see.

    Args:
        source: connection settings, or a Databricks SDK client whose credential is used.
        depth: ``summary`` for names and types; ``details`` adds owner, comment, format and times; ``columns``
            adds the columns as well.
        catalogs: names of the catalogs to list; None lists all.
        notebooks: whether to list the workspace's notebooks.
        max_concurrency: how many calls may run at once, 1 to 64; fewer while the workspace asks to slow down.
        progress: called about ten times a second with a `Progress`, from the calling thread.
        cancel: an event that stops the work when it is set, as a keyboard interrupt does. What was found by
            then is returned, and what was not listed yet stands in ``failures`` as cancelled.
        deadline: seconds after which the work stops in the same way; None sets no limit.
        roots: paths of the folders whose notebooks are listed.
        exclude_folders: paths of folders to leave out with all they hold, as ``/Repos``; ``*`` stands for any
            text, as in ``/Users/*/Trash``.

    Returns:
        A `Catalog`. A scope that could not be listed costs its own rows and one row of ``failures``.

    Raises:
        SettingsError: an argument or the credential cannot be used; nothing was called.
        WorkspaceError: the workspace cannot be reached or refuses the credential, so there is nothing to list.
    """
    check_depth(depth, DEPTHS)
    check_concurrency(max_concurrency)
    check_deadline(deadline)
    names = check_catalogs(catalogs)
    tree_roots, excluded = check_folders("roots", roots), check_folders("exclude_folders", exclude_folders)
    calls = ApiCalls(check_source(source), timeout=CALL_TIMEOUT, connections=max_concurrency)
    rows = Rows()
    unity = UnityCatalog(rows, depth, names)
    about: dict[str, str] = {}
    gatherer = Gatherer(
        calls,
        max_concurrency=max_concurrency,
        cancel=cancel,
        deadline=deadline,
        progress=progress,
        count_objects=lambda: rows.count,
    )
    steps = [unity.start(), *_about_the_workspace(about)]
    if notebooks:
        tree = NotebookTree(rows, with_details=depth != "summary", exclude=excluded)
        steps += tree.start(tree_roots)
    taken_at = datetime.now(UTC)
    with lean_memory():
        try:
            gatherer.run(steps)
        finally:
            calls.close()
        gatherer.record(unity.finish())
        provenance = Provenance(
            workspace_url=calls.host,
            metastore=about.get("metastore"),
            identity=about.get("identity"),
            taken_at=taken_at,
            depth=depth,
            strategy="rest",
            notes=(_SUMMARY_NOTE,) if unity.uses_summaries else (),
        )
        return Catalog.from_table(rows.table(), _all_failures(gatherer, unity), provenance)


def _all_failures(gatherer: Gatherer, unity: UnityCatalog) -> list[tuple[str, str, str]]:
    failures: list[tuple[str, str, str]] = list(gatherer.failures)
    # Without the whole list of catalogs, nothing is known of one that was not in it.
    if not any(scope == METASTORE for scope, _, _ in failures):
        failures += [(name, "error", "No such catalog, or not visible to this credential") for name in unity.missing()]
    return failures


def _about_the_workspace(about: dict[str, str]) -> Iterable[Step]:
    """Return the steps that find out whom and what the catalog is of; without an answer it stays unknown."""

    def keep(key: str, *fields: str) -> Callable[[Json], Iterable[Step]]:
        def then(answer: Json) -> Iterable[Step]:
            value = next((answer[field] for field in fields if answer.get(field)), None)
            if value is not None:
                about[key] = mask(str(value))
            return ()

        return then

    path = "/api/2.0/preview/scim/v2/Me"
    yield Step("identity", path, {}, keep("identity", "userName", "displayName"), lambda _: (), needed=False)
    path = "/api/2.1/unity-catalog/metastore_summary"
    yield Step("metastore", path, {}, keep("metastore", "name", "metastore_id"), lambda _: (), needed=False)
