"""Unity Catalog over REST: which calls there are, and how their answers become rows.

Sources: the Unity Catalog REST reference, `catalogs`, `schemas`, `tables` and `table-summaries`. Answers are
read as raw JSON, because the SDK's classes turn a table type that they do not know into None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dbxexplore import errors
from dbxexplore.catalog import schema
from dbxexplore.catalog.schema import Depth
from dbxexplore.connection import Json
from dbxexplore.discovery.gather import Failed, Step, pages

_API = "/api/2.1/unity-catalog"
METASTORE = "metastore"  # the scope of the list of catalogs


@dataclass
class Rows:
    """The rows found so far, as Arrow tables: one a page, so that no row ever is a Python object."""

    tables: list[pa.Table] = field(default_factory=list)
    count: int = 0

    def add(self, columns: dict[str, Sequence[object] | pa.Array], length: int) -> None:
        """Add rows by columns of `schema.ARROW_SCHEMA`; columns that are not given are null."""
        self.tables.append(schema.table_from_columns(columns, length))
        self.count += length

    def table(self) -> pa.Table:
        """Return all rows in one table."""
        return pa.concat_tables(self.tables) if self.tables else schema.ARROW_SCHEMA.empty_table()


@dataclass
class _CatalogState:
    """What is known of one catalog while it is being listed."""

    name: str
    by_schema: bool  # whether its tables are listed schema by schema
    schemas: list[str] = field(default_factory=list)
    dotted: list[tuple[str, Json]] = field(default_factory=list)  # summaries whose schema is not clear yet


class UnityCatalog:
    """The steps that list catalogs, schemas, tables and views into ``rows``.

    At depth ``summary`` one chain of calls lists a whole catalog; where the server has no table summaries,
    and at the other depths, each schema has its own.
    """

    def __init__(self, rows: Rows, depth: Depth, catalogs: Sequence[str] | None) -> None:
        self.uses_summaries = depth == "summary"
        self._rows = rows
        self._depth = depth
        self._wanted = None if catalogs is None else set(catalogs)
        self._seen: set[str] = set()
        self._states: list[_CatalogState] = []

    def start(self) -> Step:
        """Return the first step: the list of catalogs."""
        step = Step(METASTORE, f"{_API}/catalogs", self._query(include_browse=True), _nothing, self._no_catalogs)
        return pages(step, "catalogs", self._take_catalogs)

    def missing(self) -> list[str]:
        """Return the names of catalogs that were asked for but are not there, or not visible."""
        return sorted((self._wanted or set()) - self._seen)

    def _query(self, **more: object) -> dict[str, object]:
        # max_results=0 asks for pages of the server's own length; without it, large schemas are refused.
        return {"max_results": 0, **more}

    def _no_catalogs(self, error: errors.WorkspaceError) -> Iterable[Step | Failed] | None:
        """Go on with the catalogs named by the caller, or give up: nothing else can be found."""
        if not isinstance(error, errors.ForbiddenError | errors.ThrottledError):
            raise error
        if self._wanted is None:
            return None
        names = sorted(self._wanted)
        self._add_containers("catalog", names, [{} for _ in names], None)
        return [Failed(METASTORE, error), *(step for name in names for step in self._list_catalog(name))]

    def _take_catalogs(self, items: list[Json]) -> Iterable[Step | Failed]:
        named = [(name, item) for name, item in _named(items, METASTORE) if name not in self._seen]
        if self._wanted is not None:
            named = [(name, item) for name, item in named if name in self._wanted]
        self._add_containers("catalog", [name for name, _ in named], [item for _, item in named], None)
        for name, _ in named:
            yield from self._list_catalog(name)

    def _list_catalog(self, name: str) -> Iterable[Step]:
        self._seen.add(name)
        state = _CatalogState(name, by_schema=self._depth != "summary")
        self._states.append(state)
        query = self._query(catalog_name=name, include_browse=True)
        yield pages(
            Step(name, f"{_API}/schemas", query, _nothing),
            "schemas",
            lambda items: self._take_schemas(state, items),
        )
        if not state.by_schema:
            yield pages(
                Step(
                    name,
                    f"{_API}/table-summaries",
                    self._query(catalog_name=name),
                    _nothing,
                    lambda error: self._no_summaries(state, error),
                ),
                "tables",
                lambda items: self._take_summaries(state, items),
            )

    def _take_schemas(self, state: _CatalogState, items: list[Json]) -> Iterable[Step]:
        named = _named(items, state.name)
        names = [name for name, _ in named]
        self._add_containers("schema", names, [item for _, item in named], state.name)
        new = [name for name in dict.fromkeys(names) if name not in state.schemas]
        state.schemas += new
        return [self._list_schema(state.name, name) for name in new] if state.by_schema else []

    def _no_summaries(self, state: _CatalogState, error: errors.WorkspaceError) -> Iterable[Step] | None:
        if not isinstance(error, errors.NotFoundError):
            return None
        self.uses_summaries = False
        state.by_schema = True
        return [self._list_schema(state.name, name) for name in state.schemas]

    def _list_schema(self, catalog: str, schema_name: str) -> Step:
        scope = f"{catalog}.{schema_name}"
        query = self._query(
            catalog_name=catalog,
            schema_name=schema_name,
            include_browse=True,
            omit_properties=True,
            omit_columns=self._depth != "columns",
            omit_username=self._depth == "summary",
        )
        return pages(
            Step(scope, f"{_API}/tables", query, _nothing),
            "tables",
            lambda items: self._take_tables(catalog, schema_name, items),
        )

    # --- answers into rows ---

    def _add_containers(self, kind: str, names: list[str], items: list[Json], catalog: str | None) -> None:
        prefix = "" if catalog is None else f"{catalog}."
        columns: dict[str, Sequence[object] | pa.Array] = {
            "kind": [kind] * len(names),
            "catalog": [catalog] * len(names),
            "name": names,
            "full_name": [prefix + name for name in names],
            "object_type": [_text(item.get("catalog_type")) if kind == "catalog" else None for item in items],
            "browse_only": [_flag(item.get("browse_only")) for item in items],
        }
        self._rows.add({**columns, **self._details(items)}, len(names))

    def _take_summaries(self, state: _CatalogState, items: list[Json]) -> Iterable[Step]:
        prefix = f"{state.name}."
        by_schema: dict[str, list[tuple[str, Json]]] = {}
        for item in items:
            full_name = _text(item.get("full_name")) or ""
            within = full_name.removeprefix(prefix)
            if not full_name.startswith(prefix) or "." not in within:
                msg = f"A table summary of the catalog {state.name} does not name a table of it"
                raise errors.NotDatabricksError(msg)
            if within.count(".") > 1:
                state.dotted.append((within, item))
                continue
            schema_name, _, name = within.partition(".")
            by_schema.setdefault(schema_name, []).append((name, item))
        for schema_name, tables in by_schema.items():
            self._add_relations(state.name, schema_name, [n for n, _ in tables], [i for _, i in tables])
        return []

    def finish(self) -> list[Failed]:
        """Tell apart the names that hold dots, once all schemas are known; return those that stay ambiguous.

        A summary names its table by ``catalog.schema.table`` alone, and each part may itself hold dots.
        """
        failed = []
        for state in self._states:
            for within, item in state.dotted:
                homes = [name for name in state.schemas if within.startswith(f"{name}.")]
                if len(homes) == 1:
                    self._add_relations(state.name, homes[0], [within[len(homes[0]) + 1 :]], [item])
                else:
                    msg = f"The summary of {state.name}.{within} does not tell which schema it is in"
                    error = errors.WorkspaceError(msg, remedy="Discover at depth details, which lists each schema")
                    failed.append(Failed(state.name, error))
        return failed

    def _take_tables(self, catalog: str, schema_name: str, items: list[Json]) -> Iterable[Step]:
        named = _named(items, f"{catalog}.{schema_name}")
        self._add_relations(catalog, schema_name, [name for name, _ in named], [item for _, item in named])
        return []

    def _add_relations(self, catalog: str, schema_name: str, names: list[str], items: list[Json]) -> None:
        prefix = f"{catalog}.{schema_name}."
        types = [_text(item.get("table_type")) for item in items]
        columns: dict[str, Sequence[object] | pa.Array] = {
            "kind": ["view" if kind in schema.VIEW_TYPES else "table" for kind in types],
            "catalog": [catalog] * len(names),
            "schema": [schema_name] * len(names),
            "name": names,
            "full_name": [prefix + name for name in names],
            "object_type": types,
        }
        if not self.uses_summaries:
            columns["browse_only"] = [_flag(item.get("browse_only")) for item in items]
        if self._depth == "columns":
            columns["columns"] = [_columns(item.get("columns")) for item in items]
        self._rows.add({**columns, **self._details(items)}, len(names))

    def _details(self, items: list[Json]) -> dict[str, Sequence[object] | pa.Array]:
        if self._depth == "summary":
            return {}
        return {
            "owner": [_text(item.get("owner")) for item in items],
            "comment": [_text(item.get("comment")) for item in items],
            "format": [_text(item.get("data_source_format")) for item in items],
            "created_at": timestamps(item.get("created_at") for item in items),
            "updated_at": timestamps(item.get("updated_at") for item in items),
        }


def _nothing(_answer: Json) -> Iterable[Step]:
    return ()


def _named(items: list[Json], scope: str) -> list[tuple[str, Json]]:
    named = [(_text(item.get("name")), item) for item in items]
    if any(name is None for name, _ in named):
        msg = f"The list of {scope} holds an object without a name"
        raise errors.NotDatabricksError(msg)
    return [(str(name), item) for name, item in named]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _flag(value: object) -> bool:
    # The API leaves the field out where it is false.
    return value is True


def timestamps(values: Iterable[object]) -> pa.Array:
    """Return milliseconds since 1970, as the APIs give them, as timestamps; what is no number is null."""
    whole = [value if isinstance(value, int) and not isinstance(value, bool) else None for value in values]
    milliseconds = pa.array(whole, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
    return milliseconds.cast(pa.timestamp("ns", tz="UTC"), safe=False)


def _columns(value: object) -> list[dict[str, object]] | None:
    if not isinstance(value, list):
        return None
    return [
        {
            "name": _text(column.get("name")) or "",
            "type": _text(column.get("type_text")) or _text(column.get("type_name")),
            "nullable": column.get("nullable") is not False,
            "comment": _text(column.get("comment")),
        }
        for column in value
        if isinstance(column, dict)
    ]
