"""Reads what the caller is told of securables: owners, effective grants, policies and bindings, as raw JSON.

The SDK turns privileges that it does not know into None, so its typed answers are not used. A table is asked about only
where its schema does not decide: not where SELECT is held on the schema, and not where the caller would be told its own
grants alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import text
from dbxexplore.discovery.engine import Failed, Request
from dbxexplore.discovery.pages import pages
from dbxexplore.permissions.principals import Directory, Principal
from dbxexplore.permissions.rules import Answer, Origin, Told, granted, holds, reads_all_grants

_UC = "/api/2.1/unity-catalog"
_Following = Iterable[Request | Failed]
_BROWSED = {"include_browse": True}
_SLIM = {"omit_columns": True, "omit_properties": True}


@dataclass
class Metastore:
    """What the caller is told of the metastore; ``admin`` is its owner, ``inherits`` whether grants are inherited."""

    admin: str | None = None
    inherits: bool = True
    version: str = ""

    def start(self) -> Request:
        """Return the request that reads it."""
        return Request("metastore", f"{_UC}/metastore_summary", {}, self._take, lambda _: (), needed=False)

    def _take(self, answer: Json) -> _Following:
        self.admin = text(answer.get("owner"))
        self.version = text(answer.get("privilege_model_version")) or ""
        self.inherits = not self.version.startswith("0")
        return ()


@dataclass
class CatalogTold:
    """What the caller is told of a catalog, and of the schemas and tables in it that matter."""

    catalog: Told
    schemas: dict[str, Told] = field(default_factory=dict)
    tables: dict[str, dict[str, Told]] = field(default_factory=dict)  # by schema and name
    is_bound: Answer = True


class Reader:
    """The requests that read what an audit needs.

    Args:
        wanted: names of catalogs, of their schemas, and of the tables and views in each.
        directory: the principals, with the caller's own names.
        principal: who is audited.
        metastore: what is known of the metastore.
    """

    def __init__(
        self,
        wanted: Mapping[str, Mapping[str, Sequence[str]]],
        directory: Directory,
        principal: Principal,
        metastore: Metastore,
    ) -> None:
        self._wanted = wanted
        self._mine = directory.mine
        self._is_me = principal.name == directory.caller
        self._names = principal.names
        self._is_admin = metastore.admin in directory.mine
        self.found = {
            catalog: CatalogTold(
                Told("catalog", catalog),
                {schema: Told("schema", f"{catalog}.{schema}") for schema in schemas},
                {
                    schema: {name: Told("table", f"{catalog}.{schema}.{name}") for name in names}
                    for schema, names in schemas.items()
                },
            )
            for catalog, schemas in wanted.items()
        }

    def start(self) -> list[Request]:
        """Return the requests to begin with, one for each catalog."""
        return [self._catalog(one) for one in self.found.values()]

    # --- catalogs ---

    def _catalog(self, here: CatalogTold) -> Request:
        told = here.catalog

        def take(answer: Json) -> _Following:
            told.owner, told.is_browsed = text(answer.get("owner")), answer.get("browse_only") is True
            return self._grants(told, (), lambda: self._of_catalog(here))

        def refused(error: errors.WorkspaceError) -> _Following:
            told.problem = str(error)
            # Nobody is shown a catalog that is not bound to the workspace; who may change that can tell.
            here.is_bound = None
            return self._grants(told, (), lambda: self._of_catalog(here))

        path = f"{_UC}/catalogs/{_quoted(told.full_name)}"
        return Request(told.full_name, path, _BROWSED, take, refused, needed=False)

    def _of_catalog(self, here: CatalogTold) -> Iterator[Request | Failed]:
        told = here.catalog
        if all(granted(told, privilege, self._names) for privilege in ("USE_SCHEMA", "SELECT")):
            return  # all schemas and tables inherit them
        schemas = self._wanted[told.full_name]
        if not schemas:
            return

        def take(items: list[Json]) -> _Following:
            for item in items:
                name = text(item.get("name"))
                if name in here.schemas:
                    schema = here.schemas[name]
                    schema.owner, schema.is_browsed = text(item.get("owner")), item.get("browse_only") is True
            return ()

        def end() -> _Following:
            for name, schema in here.schemas.items():
                yield from self._grants(schema, (told,), lambda name=name: self._of_schema(here, name))  # type: ignore[misc]

        listing = Request(
            told.full_name, f"{_UC}/schemas", {"catalog_name": told.full_name, **_BROWSED}, _nothing, needed=False
        )
        yield _kept_going(pages(listing, "schemas", take, end), end)

    # --- schemas ---

    def _of_schema(self, here: CatalogTold, name: str) -> Iterator[Request | Failed]:
        schema, tables = here.schemas[name], here.tables[name]
        if not tables or granted(schema, "SELECT", self._names):
            return
        listed: set[str] = set()

        def take(items: list[Json]) -> _Following:
            for item in items:
                found = text(item.get("name"))
                if found in tables:
                    table = tables[found]
                    table.owner, table.is_browsed = text(item.get("owner")), item.get("browse_only") is True
                    listed.add(found)
            return ()

        def end() -> _Following:
            for found, table in tables.items():
                if self._decides(here, schema, table, is_listed=found in listed):
                    continue
                yield from self._grants(table, (here.catalog, schema), lambda table=table: self._policies(table))  # type: ignore[misc]

        query = {"catalog_name": here.catalog.full_name, "schema_name": name, "max_results": 0, **_SLIM, **_BROWSED}
        yield _kept_going(
            pages(Request(schema.full_name, f"{_UC}/tables", query, _nothing, needed=False), "tables", take, end), end
        )

    def _decides(self, here: CatalogTold, schema: Told, table: Told, *, is_listed: bool) -> bool:
        """Return whether nothing that could be asked about a table would tell more."""
        if self._is_me and not schema.whole and is_listed and not self._is_admin:
            # The list has what the caller may read, and marks what it may only browse.
            return True
        if (
            holds(here.catalog, "USE_CATALOG", self._names) is False
            or holds(schema, "USE_SCHEMA", self._names) is False
        ):
            return table.owner is not None and schema.whole  # no SELECT would help
        return not schema.whole and table.owner not in self._mine

    # --- grants ---

    def _grants(self, told: Told, above: Sequence[Told], then: Callable[[], _Following]) -> list[Request | Failed]:
        def take(items: list[Json]) -> _Following:
            for item in items:
                holder, privileges = text(item.get("principal")), item.get("privileges")
                if holder is None or not isinstance(privileges, list):
                    told.problem = "A row of its grants cannot be read"
                    continue
                row = told.rows.setdefault(holder, {})
                for one in privileges:
                    name = text(one.get("privilege")) if isinstance(one, Mapping) else None
                    if name is None:
                        told.problem = "A privilege of its grants cannot be read"
                    else:
                        row.setdefault(name, _origin(one, told))
            return ()

        def end() -> _Following:
            told.whole = not told.problem and reads_all_grants(told, self._mine, above, is_admin=self._is_admin)
            return then()

        path = f"{_UC}/effective-permissions/{told.kind}/{_quoted(told.full_name)}"
        listing = Request(told.full_name, path, {"max_results": 0}, _nothing, needed=False)

        def refused(error: errors.WorkspaceError) -> _Following:
            told.problem = str(error)
            return then()

        return [_kept_going(pages(listing, "privilege_assignments", take, end), end, refused)]

    def _policies(self, table: Told) -> list[Request | Failed]:
        if not table.whole or holds(table, "SELECT", self._names):
            return []
        found: list[Json] = []

        def take(items: list[Json]) -> _Following:
            found.extend(items)
            return ()

        def end() -> _Following:
            table.policies = found
            return ()

        def refused(error: errors.WorkspaceError) -> _Following:
            if isinstance(error, errors.NotFoundError):  # this workspace has no policies
                table.policies = ()
            return ()

        path = f"{_UC}/policies/table/{_quoted(table.full_name)}"
        listing = Request(table.full_name, path, {"include_inherited": True}, _nothing, needed=False)
        return [_kept_going(pages(listing, "policies", take, end), end, refused)]


def _kept_going(
    request: Request,
    end: Callable[[], _Following],
    refused: Callable[[errors.WorkspaceError], _Following] | None = None,
) -> Request:
    """Return a request whose refusal is not the end of what depends on it."""
    return replace(request, otherwise=refused or (lambda _: end()))


def _origin(privilege: Mapping[str, object], told: Told) -> Origin:
    kind, name = text(privilege.get("inherited_from_type")), text(privilege.get("inherited_from_name"))
    return Origin(kind.lower(), name) if kind and name else Origin(told.kind, told.full_name)


def _quoted(full_name: str) -> str:
    return quote(full_name, safe="")


def _nothing(_answer: Json) -> _Following:
    return ()
