"""Public entry point: `discover()`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import DEPTHS, Depth
from dbxexplore.connection import ConnectionSettings, Json, WorkspaceApi, mask
from dbxexplore.discovery.answers import text
from dbxexplore.discovery.arguments import (
    CALL_TIMEOUT,
    HIVE,
    Strategy,
    check_catalogs,
    check_concurrency,
    check_deadline,
    check_depth,
    check_folders,
    check_hive,
    check_path,
    check_progress,
    check_source,
    check_strategy,
    check_warehouse,
)
from dbxexplore.discovery.checkpoint import Checkpoint, CrawlArguments
from dbxexplore.discovery.engine import PENDING, Crawler, Failed, Request
from dbxexplore.discovery.hive import HiveMetastore
from dbxexplore.discovery.memory import lean_memory
from dbxexplore.discovery.notebooks import NotebookTree
from dbxexplore.discovery.partials import Partials
from dbxexplore.discovery.progress import Progress, progress_bar
from dbxexplore.discovery.rest import METASTORE, UnityCatalog
from dbxexplore.discovery.rows import Rows
from dbxexplore.discovery.sql import InformationSchema

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_ME, _METASTORE = "/api/2.0/preview/scim/v2/Me", "/api/2.1/unity-catalog/metastore_summary"
_SUMMARY_NOTE = (
    "Table summaries list what this credential may use. In catalogs whose schemas are all open to it, tables that it may "
    "only browse, and schemas that are closed to it, are seen or reported at depth details."
)
_HIVE_NOTE = (
    f"{HIVE} was not looked at, so what it holds is not known. It is listed on request, through a SQL warehouse "
    "(hive_metastore=True)."
)
_MOST_SHOWN = 5  # catalogs that a note names


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
    hive_metastore: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    partial: Callable[[Catalog], None] | None = None,
) -> Catalog:
    """List the catalogs, schemas, tables, views and notebooks that a credential can see.

    Args:
        source: connection settings, or a Databricks SDK client whose credential is used.
        depth: ``summary`` for names and types; ``details`` adds owner, comment, format and times; ``columns``
            adds the columns as well, and the SQL of views where it is listed over REST.
        catalogs: names of the catalogs to list; None lists all.
        notebooks: whether to list the workspace's notebooks.
        max_concurrency: how many calls may run at once, 1 to 64; fewer while the workspace is rate-limiting requests.
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
        hive_metastore: whether to list ``hive_metastore`` too, by a statement for its schemas and two per schema. It
            takes a SQL warehouse. To name it in ``catalogs`` asks for it as well. Where nobody does and the workspace
            has one, it is not in the catalog, a note says so, and the catalog counts as complete without it.
        checkpoint: a file to keep answers in, so that a discovery which was interrupted, cancelled or killed goes
            on from there when it is called again with the same arguments: only what was not answered yet is
            asked. The file is removed once the discovery ends of itself. It holds names and comments of the
            workspace, at depth columns the SQL of views as well, and no credential. What SQL statements return is
            not kept.
        resume: False starts over where ``checkpoint`` holds an earlier discovery.
        partial: called from the calling thread with a `Catalog` of what was found so far, once there is something and
            then at growing intervals, so that it takes a small share of the time. What is not listed yet is among its
            ``failures`` as pending. With the SQL strategy it is not called, because the rows come at the end.

    Returns:
        A `Catalog`. A scope that could not be listed costs its own rows and one row of ``failures``.

    Raises:
        SettingsError: an argument or the credential cannot be used; nothing was called.
        CatalogError: the checkpoint is of another discovery, or no checkpoint; nothing was called. Or what it
            holds was seen by another identity.
        WorkspaceError: the workspace cannot be reached, or it refuses the credential or all that was asked for, so
            there is nothing to list.
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
    with_hive = check_hive(hive_metastore, names, warehouse)
    calls = WorkspaceApi(check_source(source), timeout=CALL_TIMEOUT, connections=max_concurrency)
    arguments = CrawlArguments(calls.host, depth, names, notebooks, tree_roots, excluded, chosen, with_hive)
    kept = Checkpoint(path, arguments, resume=resume) if path else None
    rows = Rows()
    with lean_memory(), _shown(progress) as show:
        watchers = [show] if show else []
        crawler = Crawler(
            calls,
            max_concurrency=max_concurrency,
            cancel=cancel,
            deadline=deadline,
            progress=lambda state: _tell(watchers, state),
            count_objects=lambda: rows.count + (sql.count if sql else 0),
            cache=kept,
        )
        of_unity = None if names is None else [name for name in names if name != HIVE]
        hive = (
            HiveMetastore(rows, warehouse_id=warehouse, set_notice=crawler.set_notice)
            if with_hive and warehouse
            else None
        )
        sql = (
            InformationSchema(rows, depth, of_unity, warehouse_id=warehouse, set_notice=crawler.set_notice, hive=hive)
            if chosen == "sql" and warehouse
            else None
        )
        unity = sql.unity if sql else UnityCatalog(rows, depth, of_unity)
        requests = sql.start() if sql else [unity.start(), *(hive.start() if hive else ())]
        if notebooks:
            tree = NotebookTree(rows, with_details=depth != "summary", exclude=excluded)
            requests += tree.start(tree_roots)
        about = _About(kept)
        taken_at = kept.started_at if kept else datetime.now(UTC)

        def provenance(notes: Iterable[str] = ()) -> Provenance:
            return Provenance(
                workspace_url=calls.host,
                metastore=about.metastore,
                identity=about.identity,
                taken_at=taken_at,
                depth=depth,
                strategy="sql" if sql and sql.used else "rest",
                notes=tuple(notes),
            )

        if partial and not sql:
            watchers.append(Partials(partial, lambda: _so_far(crawler, rows, unity, provenance())).on_progress)
        finished = False
        try:
            crawler.run(about.before(requests))
            finished = not crawler.stopped
        finally:
            calls.close()
            if kept:
                kept.close(finished=finished)
        crawler.record(sql.finish() if sql else unity.finish())
        failures = _all_failures(crawler, unity)
        if names and HIVE in names and not hive:
            failures.append((HIVE, "error", "It is listed through a SQL warehouse alone: name one as warehouse_id"))
        asked = [METASTORE, *(names or ()), *(tree_roots if notebooks else ())]
        _raise_if_nothing_was_allowed(unity, failures, asked, found=rows.count - len(names or ()))
        notes = (*_notes(sql, unity, hive, calls.replaced), *_notes_on(kept, crawler))
        return Catalog.from_table(rows.table(), failures, provenance(notes))


def _tell(watchers: Iterable[Callable[[Progress], None]], progress: Progress) -> None:
    for watcher in watchers:
        watcher(progress)


def _so_far(crawler: Crawler, rows: Rows, unity: UnityCatalog, provenance: Provenance) -> Catalog:
    """Return what was found so far; what is found and not among the rows yet counts as pending."""
    (table, unsettled), failures = crawler.so_far(lambda: (rows.table(), unity.unsettled()))
    known = {scope for scope, _, _ in failures}
    failures += [(scope, "pending", PENDING) for scope in unsettled if scope not in known]
    return Catalog.from_table(table, failures, provenance)


def _shown(
    progress: Callable[[Progress], None] | bool | None,  # noqa: FBT001 - as the caller gave it
) -> AbstractContextManager[Callable[[Progress], None] | None]:
    if isinstance(progress, bool):
        return progress_bar() if progress else nullcontext()
    return nullcontext(progress)


def _notes_on(kept: Checkpoint | None, crawler: Crawler) -> list[str]:
    notes = []
    if kept and crawler.recalled:
        notes.append(
            f"Resumed: {crawler.recalled:,} of the answers were kept from a discovery that began "
            f"{kept.started_at:%Y-%m-%d %H:%M} UTC, and what has changed since is not seen in them."
        )
    if kept and kept.problem:
        notes.append(f"The checkpoint could not be written ({kept.problem}), so it may hold less than was listed.")
    return notes


def _notes(
    sql: InformationSchema | None, unity: UnityCatalog, hive: HiveMetastore | None, replaced: int
) -> Iterator[str]:
    """Yield what a reader should know of how the catalog was listed; ``replaced`` counts answers with such text."""
    yield from sql.notes if sql else ()
    if unity.listed_as_browsed:
        names = sorted(mask(name, 255) for name in unity.listed_as_browsed)
        more = f" and {len(names) - _MOST_SHOWN:,} more" if len(names) > _MOST_SHOWN else ""
        yield (
            "Some objects may only be browsed, and table summaries leave those out, so these catalogs were listed schema "
            f"by schema, which takes a call or more for each schema: {', '.join(names[:_MOST_SHOWN])}{more}."
        )
    if unity.uses_summaries:
        yield _SUMMARY_NOTE
    if hive:
        yield from hive.notes
    elif unity.has_hive:
        yield _HIVE_NOTE
    if replaced or (sql and sql.replaced):
        yield _replaced_note(replaced)


def _replaced_note(count: int) -> str:
    where = f"{count:,} answer{'s' * (count != 1)}" if count else "a result"
    return f"Text in {where} was not valid Unicode, such as half a surrogate pair; it was replaced by U+FFFD."


def _all_failures(crawler: Crawler, unity: UnityCatalog) -> list[tuple[str, str, str]]:
    failures: list[tuple[str, str, str]] = list(crawler.failures)
    # Without the whole list of catalogs, nothing is known of one that was not in it.
    if not any(scope == METASTORE for scope, _, _ in failures):
        failures += [(name, "error", "No such catalog, or not visible to this credential") for name in unity.missing()]
    return failures


def _raise_if_nothing_was_allowed(
    unity: UnityCatalog, failures: Sequence[tuple[str, str, str]], asked: Iterable[str], *, found: int
) -> None:
    """Raise the refusal of the catalogs if all else that was asked for is refused too: that is not an empty catalog."""
    denied = {scope for scope, reason, _ in failures if reason == "denied"}
    if unity.refused is not None and found <= 0 and denied.issuperset(asked):
        raise unity.refused


class _About:
    """Identity and metastore of the crawl; None when they could not be read."""

    def __init__(self, kept: Checkpoint | None) -> None:
        self.identity: str | None = None
        self.metastore: str | None = None
        self._kept = kept

    def before(self, requests: list[Request]) -> list[Request]:
        """Return ``requests`` with those that ask for the identity and the metastore."""
        metastore = Request("metastore", _METASTORE, {}, self._take_metastore, _skip, needed=False)
        if self._kept is None:
            return [*requests, Request("identity", _ME, {}, self._take_identity, _skip, needed=False), metastore]

        # What one identity saw must not be joined with what another sees, so nothing else is asked before this.
        def then(answer: Json) -> Iterable[Request]:
            self._take_identity(answer)
            return [*requests, metastore]

        return [Request("identity", _ME, {}, then, lambda _: [*requests, metastore], needed=False)]

    def _take_identity(self, answer: Json) -> Iterable[Request]:
        self.identity = _first(answer, "userName", "displayName")
        if self._kept and self.identity:
            self._kept.keep_identity(self.identity)
        return ()

    def _take_metastore(self, answer: Json) -> Iterable[Request]:
        self.metastore = _first(answer, "name", "metastore_id")
        return ()


def _first(answer: Json, *names: str) -> str | None:
    value = next((value for name in names if (value := text(answer.get(name)))), None)
    return None if value is None else mask(value)


def _skip(_error: Exception) -> Iterable[Request | Failed]:
    return ()
