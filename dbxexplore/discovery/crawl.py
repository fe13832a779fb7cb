"""The discovery itself: arguments, engine, ways to list, and the catalog that they make."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import DEPTHS, Depth
from dbxexplore.connection import ApiCalls, ConnectionSettings, Json, mask
from dbxexplore.discovery.arguments import (
    CALL_TIMEOUT,
    Strategy,
    check_catalogs,
    check_concurrency,
    check_deadline,
    check_depth,
    check_folders,
    check_path,
    check_progress,
    check_source,
    check_strategy,
    check_warehouse,
)
from dbxexplore.discovery.checkpoint import Checkpoint, Request
from dbxexplore.discovery.gather import Failed, Gatherer, Progress, Step
from dbxexplore.discovery.memory import lean_memory
from dbxexplore.discovery.notebooks import NotebookTree
from dbxexplore.discovery.progress import progress_bar
from dbxexplore.discovery.unity_rest import METASTORE, Rows, UnityCatalog
from dbxexplore.discovery.unity_sql import InformationSchema

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_ME, _METASTORE = "/api/2.0/preview/scim/v2/Me", "/api/2.1/unity-catalog/metastore_summary"
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
    progress: Callable[[Progress], None] | bool | None = None,
    cancel: threading.Event | None = None,
    deadline: float | None = None,
    roots: Sequence[str] = ("/",),
    exclude_folders: Sequence[str] = (),
    strategy: Strategy | None = None,
    warehouse_id: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
) -> Catalog:
    """List the catalogs, schemas, tables, views and notebooks that a credential can see.

    Args:
        source: connection settings, or a Databricks SDK client whose credential is used.
        depth: ``summary`` for names and types; ``details`` adds owner, comment, format and times; ``columns``
            adds the columns as well, and the SQL of views where it is listed over REST.
        catalogs: names of the catalogs to list; None lists all.
        notebooks: whether to list the workspace's notebooks.
        max_concurrency: how many calls may run at once, 1 to 64; fewer while the workspace asks to slow down.
        progress: called about ten times a second with a `Progress`, from the calling thread; True shows a bar
            in the terminal or the notebook.
        cancel: an event that stops the work when it is set, as a keyboard interrupt does. What was found by
            then is returned, and what was not listed yet stands in ``failures`` as cancelled.
        deadline: seconds after which the work stops in the same way; None sets no limit.
        roots: paths of the folders whose notebooks are listed.
        exclude_folders: paths of folders to leave out with all they hold, as ``/Repos``; ``*`` stands for any
            text, as in ``/Users/*/Trash``.
        strategy: ``rest`` lists schema by schema, ``sql`` reads information_schema through a SQL warehouse, which
            is started if it is not running, and falls back to REST where that fails; None is ``sql`` if there is
            a warehouse id. What was done is in ``provenance``, as its ``strategy`` and ``notes``.
        warehouse_id: the SQL warehouse; None is that of the settings, if any.
        checkpoint: a file to keep answers in, so that a discovery which was interrupted, cancelled or killed goes
            on from there when it is called again with the same arguments: only what was not answered yet is
            asked. The file is removed once the discovery ends of itself. It holds names and comments of the
            workspace, at depth columns the SQL of views as well, and no credential. What SQL statements return is
            not kept.
        resume: False starts anew where ``checkpoint`` holds an earlier discovery.

    Returns:
        A `Catalog`. A scope that could not be listed costs its own rows and one row of ``failures``.

    Raises:
        SettingsError: an argument or the credential cannot be used; nothing was called.
        CatalogError: the checkpoint is of another discovery, or no checkpoint; nothing was called. Or what it
            holds was seen by another identity.
        WorkspaceError: the workspace cannot be reached or refuses the credential, so there is nothing to list.
    """
    check_depth(depth, DEPTHS)
    check_concurrency(max_concurrency)
    check_deadline(deadline)
    check_progress(progress)
    names = check_catalogs(catalogs)
    tree_roots, excluded = check_folders("roots", roots), check_folders("exclude_folders", exclude_folders)
    path = check_path("checkpoint", checkpoint)
    warehouse = check_warehouse(check_source(source), warehouse_id)
    chosen = check_strategy(strategy, warehouse)
    calls = ApiCalls(check_source(source), timeout=CALL_TIMEOUT, connections=max_concurrency)
    request = Request(calls.host, depth, names, notebooks, tree_roots, excluded, chosen)
    kept = Checkpoint(path, request, resume=resume) if path else None
    rows = Rows()
    with lean_memory(), _shown(progress) as show:
        gatherer = Gatherer(
            calls,
            max_concurrency=max_concurrency,
            cancel=cancel,
            deadline=deadline,
            progress=show,
            count_objects=lambda: rows.count + (sql.count if sql else 0),
            memory=kept,
        )
        sql = InformationSchema(rows, depth, names, warehouse, gatherer.tell) if chosen == "sql" and warehouse else None
        unity = sql.unity if sql else UnityCatalog(rows, depth, names)
        steps = sql.start() if sql else [unity.start()]
        if notebooks:
            tree = NotebookTree(rows, with_details=depth != "summary", exclude=excluded)
            steps += tree.start(tree_roots)
        about = _About(kept)
        taken_at = kept.started_at if kept else datetime.now(UTC)
        finished = False
        try:
            gatherer.run(about.before(steps))
            finished = not gatherer.stopped
        finally:
            calls.close()
            if kept:
                kept.close(finished=finished)
        gatherer.record(sql.finish() if sql else unity.finish())
        notes = [*(sql.notes if sql else ()), *([_SUMMARY_NOTE] if unity.uses_summaries else ())]
        provenance = Provenance(
            workspace_url=calls.host,
            metastore=about.metastore,
            identity=about.identity,
            taken_at=taken_at,
            depth=depth,
            strategy="sql" if sql and sql.used else "rest",
            notes=(*notes, *_notes_on(kept, gatherer)),
        )
        return Catalog.from_table(rows.table(), _all_failures(gatherer, unity), provenance)


def _shown(
    progress: Callable[[Progress], None] | bool | None,  # noqa: FBT001 - as the caller gave it
) -> AbstractContextManager[Callable[[Progress], None] | None]:
    if isinstance(progress, bool):
        return progress_bar() if progress else nullcontext()
    return nullcontext(progress)


def _notes_on(kept: Checkpoint | None, gatherer: Gatherer) -> list[str]:
    notes = []
    if kept and gatherer.recalled:
        notes.append(
            f"Resumed: {gatherer.recalled:,} of the answers were kept from a discovery that began "
            f"{kept.started_at:%Y-%m-%d %H:%M} UTC, and what has changed since is not seen in them."
        )
    if kept and kept.problem:
        notes.append(f"The checkpoint could not be written ({kept.problem}), so it may hold less than was listed.")
    return notes


def _all_failures(gatherer: Gatherer, unity: UnityCatalog) -> list[tuple[str, str, str]]:
    failures: list[tuple[str, str, str]] = list(gatherer.failures)
    # Without the whole list of catalogs, nothing is known of one that was not in it.
    if not any(scope == METASTORE for scope, _, _ in failures):
        failures += [(name, "error", "No such catalog, or not visible to this credential") for name in unity.missing()]
    return failures


class _About:
    """Whom and what the catalog is of; without an answer it stays unknown."""

    def __init__(self, kept: Checkpoint | None) -> None:
        self.identity: str | None = None
        self.metastore: str | None = None
        self._kept = kept

    def before(self, steps: list[Step]) -> list[Step]:
        """Return ``steps`` with those that find this out."""
        metastore = Step("metastore", _METASTORE, {}, self._take_metastore, _skip, needed=False)
        if self._kept is None:
            return [*steps, Step("identity", _ME, {}, self._take_identity, _skip, needed=False), metastore]

        # What one identity saw must not be joined with what another sees, so nothing else is asked before this.
        def then(answer: Json) -> Iterable[Step]:
            self._take_identity(answer)
            return [*steps, metastore]

        return [Step("identity", _ME, {}, then, lambda _: [*steps, metastore], needed=False)]

    def _take_identity(self, answer: Json) -> Iterable[Step]:
        self.identity = _first(answer, "userName", "displayName")
        if self._kept and self.identity:
            self._kept.keep_identity(self.identity)
        return ()

    def _take_metastore(self, answer: Json) -> Iterable[Step]:
        self.metastore = _first(answer, "name", "metastore_id")
        return ()


def _first(answer: Json, *names: str) -> str | None:
    value = next((answer[name] for name in names if answer.get(name)), None)
    return None if value is None else mask(str(value))


def _skip(_error: Exception) -> Iterable[Step | Failed]:
    return ()
