"""Unity Catalog over REST: which calls there are, and how their answers become rows.

Sources: the Unity Catalog REST reference, `catalogs`, `schemas`, `tables` and `table-summaries`. Answers are
read as raw JSON, because the SDK's classes turn a table type that they do not know into None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import schema
from dbxexplore.catalog.schema import Depth
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import flag, is_odd_text, misread, text, texts
from dbxexplore.discovery.arguments import HIVE
from dbxexplore.discovery.engine import Failed, Request
from dbxexplore.discovery.pages import pages
from dbxexplore.discovery.rows import Rows

_API = "/api/2.1/unity-catalog"
METASTORE = "metastore"  # the scope of the list of catalogs


@dataclass
class _CatalogState:
    """What is known of one catalog while it is being listed."""

    name: str
    by_schema: bool  # whether its tables are listed schema by schema
    schemas: dict[str, None] = field(default_factory=dict)  # in the order they came
    vanished: list[tuple[str, errors.WorkspaceError]] = field(
        default_factory=list
    )  # schemas that were listed, then not found
    deleted: bool = False  # the catalog itself was not found any more
    dotted: list[tuple[str, Json]] = field(default_factory=list)  # summaries whose schema is not clear yet
    all_schemas: bool = False  # whether all its schemas were listed, or will not be
    # Summaries that came before all schemas had, as columns and their length: they do not count if a schema shows
    # that there may be objects which summaries leave out.
    early: list[tuple[dict[str, pa.Array], int]] = field(default_factory=list)


class Contents(Protocol):
    """Another way to list what catalogs hold; it is told of them as they are found."""

    def take(self, catalogs: list[str]) -> Iterable[Request | Failed]:
        """Return the requests for some more catalogs."""
        ...

    def end(self) -> Iterable[Request | Failed]:
        """Return what follows once all catalogs are known."""
        ...


class UnityCatalog:
    """The requests that list catalogs, schemas, tables and views into ``rows``.

    At depth ``summary`` one chain of calls lists a whole catalog. Each schema has its own at the other depths, where the
    server has no table summaries, and in a catalog that shows objects which can only be browsed, because
    summaries leave those out. With ``contents``, only the catalogs themselves are listed,
    and those that `list_catalog` is called for.
    """

    def __init__(
        self, rows: Rows, depth: Depth, catalogs: Sequence[str] | None, contents: Contents | None = None
    ) -> None:
        self._contents = contents
        self.uses_summaries = False  # whether any object comes from table summaries
        self._has_summaries = False  # whether the server has answered with table summaries
        self._lacks_summaries = False  # whether it has answered that there is no such endpoint
        self.browsed: set[str] = set()  # catalogs in which something may be that can only be browsed
        self.refused: errors.WorkspaceError | None = None  # why the catalogs may not be listed
        self.has_hive = False  # whether hive_metastore is among the catalogs
        self._rows = rows
        self._depth = depth
        self._wanted = None if catalogs is None else set(catalogs)
        self._seen: set[str] = set()
        self._states: list[_CatalogState] = []

    def start(self) -> Request:
        """Return the first request: the list of catalogs."""
        request = Request(METASTORE, f"{_API}/catalogs", self._query(include_browse=True), _nothing, self._no_catalogs)
        return pages(request, "catalogs", self._take_catalogs, self._contents.end if self._contents else tuple)

    def list_schemas(self, catalog: str, schemas: Iterable[str]) -> list[Request]:
        """Return the first requests for the tables of some schemas that are known already."""
        state = _CatalogState(catalog, by_schema=True)
        self._states.append(state)
        return [self._list_schema(state, name) for name in schemas]

    @property
    def listed_as_browsed(self) -> set[str]:
        """The catalogs that a summary lists schema by schema because something in them may only be browsed."""
        if self._depth != "summary" or self._lacks_summaries:
            return set()
        return self.browsed & {state.name for state in self._states}

    def missing(self) -> list[str]:
        """Return the names of catalogs that were asked for but are not there, or not visible."""
        return sorted((self._wanted or set()) - self._seen)

    def _query(self, **more: object) -> dict[str, object]:
        # max_results=0 asks for pages of the server's own length; without it, large schemas are refused.
        return {"max_results": 0, **more}

    def _no_catalogs(self, error: errors.WorkspaceError) -> Iterable[Request | Failed] | None:
        """Go on with the catalogs named by the caller, or without any; raise what no other call would answer better."""
        if not isinstance(error, errors.ForbiddenError | errors.ThrottledError):
            raise error
        if error.refuses_all or isinstance(error, errors.MissingScopesError):
            raise error
        self.refused = error if isinstance(error, errors.ForbiddenError) else None
        if self._wanted is None:
            return None
        names = sorted(self._wanted)
        self._add_containers("catalog", names, [{} for _ in names], None)
        end = self._contents.end() if self._contents else ()
        return [Failed(METASTORE, error), *self._hold(names), *end]

    def _take_catalogs(self, items: list[Json]) -> Iterable[Request | Failed]:
        named, odd = _named(items)
        self.has_hive = self.has_hive or any(name == HIVE for name, _ in named)
        # These calls do not list what hive_metastore holds.
        named = [(name, item) for name, item in named if name not in self._seen and name != HIVE]
        if self._wanted is not None:
            named = [(name, item) for name, item in named if name in self._wanted]
        self._add_containers("catalog", [name for name, _ in named], [item for _, item in named], None)
        self.browsed.update(name for name, item in named if _may_be_browsed(item))
        yield from self._hold([name for name, _ in named])
        yield from _odd(METASTORE, odd)

    def _hold(self, catalogs: list[str]) -> Iterable[Request | Failed]:
        """Return the requests for what some catalogs hold."""
        self._seen.update(catalogs)
        if self._contents:
            return self._contents.take(catalogs)
        return [request for name in catalogs for request in self.list_catalog(name)]

    def list_catalog(self, name: str) -> Iterable[Request]:
        """Return the first requests for what a catalog holds."""
        state = _CatalogState(name, by_schema=self._depth != "summary" or name in self.browsed)
        self._states.append(state)
        query = self._query(catalog_name=name, include_browse=True)
        yield pages(
            Request(name, f"{_API}/schemas", query, _nothing, lambda error: self._no_schemas(state, error)),
            "schemas",
            lambda items: self._take_schemas(state, items),
            lambda: self._all_schemas(state),
        )
        if not state.by_schema:
            yield pages(
                Request(
                    name,
                    f"{_API}/table-summaries",
                    self._query(catalog_name=name),
                    _nothing,
                    lambda error: self._no_summaries(state, error),
                    absence_lasts=True,
                ),
                "tables",
                lambda items: self._take_summaries(state, items),
                unneeded=lambda: state.by_schema,
            )

    def look_at_schemas(
        self,
        catalog: str,
        then: Callable[[dict[str, Json] | str], Iterable[Request | Failed]],
        unneeded: Callable[[], bool],
    ) -> Request:
        """Return the first request of a look at the schemas of a catalog, which adds no rows.

        ``then`` takes the schemas by name, or the reason why the catalog should be listed over REST: something in it
        may only be browsed, or its schemas could not be read.
        """
        schemas: dict[str, Json] = {}
        reasons: list[str] = []

        def take(items: list[Json]) -> Iterable[Request | Failed]:
            named, odd = _named(items)
            schemas.update(named)
            if any(_may_be_browsed(item) for _, item in named):
                self.browsed.add(catalog)
                reasons.append("some of it may only be browsed")
            if odd:
                reasons.append("its schemas could not be read")
            return ()

        def failed(_error: errors.WorkspaceError) -> Iterable[Request | Failed]:
            return () if unneeded() else then("its schemas could not be read")

        query = self._query(catalog_name=catalog, include_browse=True)
        request = Request(catalog, f"{_API}/schemas", query, _nothing, failed)
        return pages(request, "schemas", take, lambda: then(reasons[0] if reasons else schemas), unneeded)

    def add_schemas(self, catalog: str, schemas: Mapping[str, Json]) -> list[Request]:
        """Add schemas by name, and return the first requests for their tables."""
        self._add_containers("schema", list(schemas), list(schemas.values()), catalog)
        return self.list_schemas(catalog, schemas)

    def _take_schemas(self, state: _CatalogState, items: list[Json]) -> Iterable[Request | Failed]:
        named, odd = _named(items)
        names = [name for name, _ in named]
        self._add_containers("schema", names, [item for _, item in named], state.name)
        new = [name for name in dict.fromkeys(names) if name not in state.schemas]
        state.schemas |= dict.fromkeys(new)
        if any(_may_be_browsed(item) for _, item in named):
            self.browsed.add(state.name)
        if state.name in self.browsed and not state.by_schema:
            # Summaries leave out what can only be browsed, in any schema of this catalog.
            state.by_schema = True
            state.early.clear()
            state.dotted.clear()
            new = list(state.schemas)
        requests = [self._list_schema(state, name) for name in new] if state.by_schema else []
        return [*requests, *_odd(state.name, odd)]

    def _all_schemas(self, state: _CatalogState) -> Iterable[Request]:
        state.all_schemas = True
        for columns, length in state.early:
            self._rows.add_arrays(columns, length)
            self.uses_summaries = True
        state.early.clear()
        return ()

    def _no_schemas(self, state: _CatalogState, error: errors.WorkspaceError) -> Iterable[Request | Failed]:
        return [Failed(state.name, error), *self._all_schemas(state)]

    def _no_summaries(self, state: _CatalogState, error: errors.WorkspaceError) -> Iterable[Request] | None:
        if state.by_schema:
            return ()
        # Where another catalog has summaries, it is this catalog that is not found, not the endpoint.
        if not isinstance(error, errors.NotFoundError) or self._has_summaries:
            return None
        state.by_schema = self._lacks_summaries = True
        return [self._list_schema(state, name) for name in state.schemas]

    def _list_schema(self, state: _CatalogState, schema_name: str) -> Request:
        scope = f"{state.name}.{schema_name}"
        query = self._query(
            catalog_name=state.name,
            schema_name=schema_name,
            include_browse=True,
            omit_properties=True,
            omit_columns=self._depth != "columns",
            omit_username=self._depth == "summary",
        )
        return pages(
            Request(
                scope, f"{_API}/tables", query, _nothing, lambda error: self._schema_vanished(state, schema_name, error)
            ),
            "tables",
            lambda items: self._take_tables(state, schema_name, items),
        )

    def _schema_vanished(
        self, state: _CatalogState, schema_name: str, error: errors.WorkspaceError
    ) -> Iterable[Request] | None:
        """Find out whether the whole catalog was deleted since its schemas were listed: that is one failure."""
        if not isinstance(error, errors.NotFoundError):
            return None
        state.vanished.append((schema_name, error))
        if len(state.vanished) > 1:
            return []

        def deleted(cause: errors.WorkspaceError) -> Iterable[Failed] | None:
            state.deleted = isinstance(cause, errors.NotFoundError)
            return None if state.deleted else []

        query = {"catalog_name": state.name, "max_results": 1}
        return [Request(state.name, f"{_API}/schemas", query, _nothing, deleted)]

    # --- answers into rows ---

    def _add_containers(self, kind: str, names: list[str], items: list[Json], catalog: str | None) -> None:
        prefix = "" if catalog is None else f"{catalog}."
        columns: dict[str, Sequence[object]] = {
            "kind": [kind] * len(names),
            "catalog": [catalog] * len(names),
            "name": names,
            "full_name": [prefix + name for name in names],
            "object_type": texts(items, "catalog_type"),  # schemas have none
            "browse_only": _flags(items),
        }
        self._rows.add({**columns, **self._details(items)}, len(names))

    def _take_summaries(self, state: _CatalogState, items: list[Json]) -> Iterable[Request | Failed]:
        self._has_summaries = True
        prefix = f"{state.name}."
        odd = 0
        try:
            full_names = pa.array([item.get("full_name") for item in items], pa.string())
        except pa.ArrowException:
            full_names = pa.nulls(len(items), pa.string())
        within = pc.utf8_slice_codeunits(full_names, len(prefix))
        dots = pc.count_substring(within, ".")
        if not _all_of_tables(full_names, within, dots, prefix):
            odd = len(items)
            items = [item for item in items if _is_summary(item, prefix)]
            odd -= len(items)
            full_names = pa.array([item["full_name"] for item in items], pa.string())
            within = pc.utf8_slice_codeunits(full_names, len(prefix))
            dots = pc.count_substring(within, ".")
        types = pa.array(texts(items, "table_type"), pa.string())
        if types.null_count:
            odd += sum(is_odd_text(item, "table_type") for item in items)
        plain = pc.equal(dots, 1)
        if not pc.all(plain, min_count=0).as_py():
            unclear = pc.invert(plain)
            names = within.filter(unclear).to_pylist()
            state.dotted += zip(names, compress(items, unclear.to_pylist()), strict=True)
            full_names, within, types = (values.filter(plain) for values in (full_names, within, types))
        self._add_summaries(state, full_names, within, types)
        return _odd(state.name, odd)

    def _add_summaries(self, state: _CatalogState, full_names: pa.Array, within: pa.Array, types: pa.Array) -> None:
        """Add rows of ``schema.table`` names: pages of ten thousand, so by Arrow and not one by one."""
        length = len(within)
        parts = pc.split_pattern(within, ".", max_splits=1).flatten()
        even = np.arange(0, 2 * length, 2)
        is_view = pc.is_in(types, value_set=pa.array(schema.VIEW_TYPES))
        columns = {
            "kind": pc.if_else(is_view, "view", "table"),
            "catalog": pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, np.int32)), pa.array([state.name])),
            "schema": parts.take(even),
            "name": parts.take(even + 1),
            "full_name": full_names,
            "object_type": types,
        }
        if not state.all_schemas:
            state.early.append((columns, length))
        elif length:
            self._rows.add_arrays(columns, length)
            self.uses_summaries = True

    def unsettled(self) -> list[str]:
        """Return the scopes of which something was found that is not among the rows before `finish`."""
        catalogs = [state.name for state in self._states if state.early or state.dotted]
        return [*catalogs, *(f"{state.name}.{name}" for state in self._states for name, _ in state.vanished)]

    def finish(self) -> list[Failed]:
        """Settle what only the whole shows, and return what failed by it.

        A summary names its table by ``catalog.schema.table`` alone, and each part may itself hold dots: which
        of them is which is clear once all schemas are known, or else a failure.
        """
        failed = []
        for state in self._states:
            self._all_schemas(state)  # where the work was stopped
            if not state.deleted:
                failed += [Failed(f"{state.name}.{name}", error) for name, error in state.vanished]
            for within, item in state.dotted:
                homes = [name for name in state.schemas if within.startswith(f"{name}.")]
                if len(homes) == 1:
                    self._add_relations(state, homes[0], [within[len(homes[0]) + 1 :]], [item])
                else:
                    msg = f"The summary of {state.name}.{within} does not tell which schema it is in"
                    error = errors.WorkspaceError(msg, remedy="Discover at depth details, which lists each schema")
                    failed.append(Failed(state.name, error))
        return failed

    def _take_tables(self, state: _CatalogState, schema_name: str, items: list[Json]) -> Iterable[Failed]:
        names = texts(items, "name")
        if None in names:
            named, odd = _named(items)
            names, items = [name for name, _ in named], [item for _, item in named]
        else:
            odd = 0
        odd += self._add_relations(state, schema_name, names, items)
        return _odd(f"{state.name}.{schema_name}", odd)

    def _add_relations(
        self, state: _CatalogState, schema_name: str, names: Sequence[str | None], items: list[Json]
    ) -> int:
        """Add rows, and return how many of them lack a type or columns because those cannot be read."""
        prefix = f"{state.name}.{schema_name}."
        types = texts(items, "table_type")
        columns: dict[str, Sequence[object]] = {
            "kind": ["view" if kind in schema.VIEW_TYPES else "table" for kind in types],
            "catalog": [state.name] * len(names),
            "schema": [schema_name] * len(names),
            "name": names,
            "full_name": [f"{prefix}{name}" for name in names],
            "object_type": types,
        }
        if state.by_schema:  # a summary does not tell
            columns["browse_only"] = _flags(items)
        odd = sum(is_odd_text(item, "table_type") for item in items) if None in types else 0
        if self._depth == "columns":
            columns["columns"] = held = [columns_in(item.get("columns")) for item in items]
            columns["definition"] = texts(items, "view_definition")
            odd += sum(one is None and "columns" in item for one, item in zip(held, items, strict=True))
        self._rows.add({**columns, **self._details(items)}, len(names))
        return odd

    def _details(self, items: list[Json]) -> dict[str, Sequence[object]]:
        if self._depth == "summary":
            return {}
        return {
            "owner": texts(items, "owner"),
            "comment": texts(items, "comment"),
            "format": texts(items, "data_source_format"),
            "created_at": [item.get("created_at") for item in items],
            "updated_at": [item.get("updated_at") for item in items],
        }


def _nothing(_answer: Json) -> Iterable[Request]:
    return ()


def _named(items: list[Json]) -> tuple[list[tuple[str, Json]], int]:
    """Return names and items, and how many items have no name that is a text."""
    named = [(name, item) for name, item in zip(texts(items, "name"), items, strict=True) if name is not None]
    return named, len(items) - len(named)


def _odd(scope: str, count: int) -> list[Failed]:
    return [Failed(scope, misread(scope, count))] if count else []


def _all_of_tables(full_names: pa.Array, within: pa.Array, dots: pa.Array, prefix: str) -> bool:
    """Return whether all full names are of something in a schema of the catalog whose prefix is given."""
    if full_names.null_count or not pc.all(pc.starts_with(full_names, prefix), min_count=0).as_py():
        return False
    nameless = pc.and_(pc.equal(dots, 1), pc.ends_with(within, "."))
    schemaless = pc.less(pc.find_substring(within, "."), 1)
    return not pc.any(pc.or_(nameless, schemaless), min_count=0).as_py()


def _is_summary(item: Json, prefix: str) -> bool:
    name = text(item.get("full_name"))
    schema_name, _, rest = (name or "").removeprefix(prefix).partition(".")
    return name is not None and name.startswith(prefix) and bool(schema_name and rest)


def _flags(items: list[Json]) -> list[bool | None]:
    # The API leaves the field out where it is false.
    return [value if isinstance(value := item.get("browse_only", False), bool) else None for item in items]


def _may_be_browsed(item: Json) -> bool:
    """Return whether an item says that it can only be browsed, or says so in a way that cannot be read."""
    return item.get("browse_only", False) is not False


def columns_in(value: object) -> list[dict[str, object]] | None:
    """Return the columns of a relation, None if that is not what ``value`` describes."""
    if not isinstance(value, list):
        return None
    if not all(isinstance(column, dict) and isinstance(column.get("name"), str) for column in value):
        return None
    return [
        {
            "name": column["name"],
            "type": text(column.get("type_text")) or text(column.get("type_name")),
            "nullable": flag(column.get("nullable", True)),
            "comment": text(column.get("comment")),
        }
        for column in value
    ]
