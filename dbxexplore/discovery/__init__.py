"""Discovery: every object that a credential can see, and every scope that it could not list."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timezone
from typing import TYPE_CHECKING, get_args

from dbxexplore import errors
from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import Depth
from dbxexplore.connection import ApiCalls, ConnectionSettings, Json
from dbxexplore.discovery.gather import MAX_CONCURRENCY, Gatherer, Progress, Step
from dbxexplore.discovery.notebooks import NotebookTree
from dbxexplore.discovery.unity_rest import Rows, UnityCatalog

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

__all__ = ["Depth", "Progress", "discover"]

_CALL_TIMEOUT = 60.0  # seconds for one answer
_SUMMARY_NOTE = (
    "Table summaries list what this credential may use; objects that it may only browse are seen at depth details."
)


def discover(
    source: ConnectionSettings | WorkspaceClient,
    *,
    depth: Depth = "summary",
    catalogs: Sequence[str] | None = None,
    notebooks: bool = True,
    max_concurrency: int = 16,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
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

    Returns:
        A `Catalog`. A scope that could not be listed costs its own rows and one row of ``failures``.

    Raises:
        SettingsError: an argument or the credential cannot be used; nothing was called.
        WorkspaceError: the workspace cannot be reached or refuses the credential, so there is nothing to list.
    """
    names = _check_arguments(depth, catalogs, max_concurrency)
    calls = ApiCalls(_checked_source(source), timeout=_CALL_TIMEOUT, connections=max_concurrency)
    rows = Rows()
    unity = UnityCatalog(rows, depth, names)
    about: dict[str, str] = {}
    gatherer = Gatherer(
        calls, max_concurrency=max_concurrency, cancel=cancel, progress=progress, count_objects=lambda: rows.count
    )
    steps = [unity.start(), *_about_the_workspace(about)]
    if notebooks:
        steps.append(NotebookTree(rows, with_details=depth != "summary").start())
    taken_at = datetime.now(UTC)
    gatherer.run(steps)
    gatherer.record(unity.finish())
    failures: list[tuple[str, str, str]] = list(gatherer.failures)
    if not any(reason == "cancelled" for _, reason, _ in failures):
        failures += [(name, "error", "No such catalog, or not visible to this credential") for name in unity.missing()]
    provenance = Provenance(
        workspace_url=calls.host,
        metastore=about.get("metastore"),
        identity=about.get("identity"),
        taken_at=taken_at,
        depth=depth,
        strategy="rest",
        notes=(_SUMMARY_NOTE,) if unity.uses_summaries else (),
    )
    return Catalog.from_table(rows.table(), failures, provenance)


def _check_arguments(depth: str, catalogs: Sequence[str] | None, max_concurrency: int) -> list[str] | None:
    if depth not in get_args(Depth):
        msg = f"depth is {depth!r}"
        raise errors.SettingsError(msg, expected=f"one of {', '.join(get_args(Depth))}")
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int):
        msg = f"max_concurrency is {max_concurrency!r}"
        raise errors.SettingsError(msg, expected=f"a whole number from 1 to {MAX_CONCURRENCY}")
    if not 1 <= max_concurrency <= MAX_CONCURRENCY:
        msg = f"max_concurrency is {max_concurrency}"
        raise errors.SettingsError(msg, expected=f"1 to {MAX_CONCURRENCY}")
    if catalogs is None:
        return None
    if isinstance(catalogs, str) or not all(isinstance(name, str) and name for name in catalogs):
        msg = f"catalogs is {catalogs!r}"
        raise errors.SettingsError(msg, expected='a list of catalog names, such as ["main"], or None for all')
    return list(catalogs)


def _checked_source(source: object) -> ConnectionSettings | WorkspaceClient:
    if isinstance(source, ConnectionSettings):
        return source
    from databricks.sdk import WorkspaceClient

    if isinstance(source, WorkspaceClient):
        return source
    msg = f"Cannot discover from a {type(source).__name__}"
    raise errors.SettingsError(msg, expected="a ConnectionSettings or a databricks.sdk.WorkspaceClient")


def _about_the_workspace(about: dict[str, str]) -> Iterable[Step]:
    """Return the steps that find out whom and what the catalog is of; without an answer it stays unknown."""

    def keep(key: str, *fields: str) -> Callable[[Json], Iterable[Step]]:
        def then(answer: Json) -> Iterable[Step]:
            value = next((answer[field] for field in fields if answer.get(field)), None)
            if value is not None:
                about[key] = str(value)
            return ()

        return then

    path = "/api/2.0/preview/scim/v2/Me"
    yield Step("identity", path, {}, keep("identity", "userName", "displayName"), lambda _: ())
    path = "/api/2.1/unity-catalog/metastore_summary"
    yield Step("metastore", path, {}, keep("metastore", "name", "metastore_id"), lambda _: ())
