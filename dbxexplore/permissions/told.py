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
from dbxexplore.permissions.rules import Answer, Origin, Told, granted, holds, reads_all_grants, use_of

_UC = "/api/2.1/unity-catalog"
_Following = Iterable[Request | Failed]
_BROWSED = {"include_browse": True}
_MOST_TABLES = 2_000  # above which tables are not asked about where that only tells whether their names may be seen
_SOMEBODY = ""  # an owner who is none of the caller's names
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
    tables: dict[str, dict[str, Told]] = field(
        default_factory=dict
    )  # by schema and name, where a schema does not decide
    is_bound: Answer = True
    done: set[str] = field(default_factory=set)  # the lists that were read to their end


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
        self._is_large = sum(len(names) for schemas in wanted.values() for names in schemas.values()) > _MOST_TABLES
        self.unasked = 0  # tables that cannot be read, of which it was not asked whether their names may be seen
        self._mine = directory.mine
        self._is_me = principal.name == directory.caller
        self._names = principal.names
        self._is_below = self._is_me or principal.names.are_among(directory.mine)
        self._is_admin = metastore.admin in directory.mine
        self.found = {
            catalog: CatalogTold(
                Told("catalog", catalog),
                {schema: Told("schema", f"{catalog}.{schema}") for schema in schemas},
            )
            for catalog, schemas in wanted.items()
        }

    def start(self) -> list[Request]:
        """Return the requests to begin with, one for each catalog."""
        return [self._catalog(one) for one in self.found.values()]

    def settle(self, failures: Iterable[tuple[str, str, str]]) -> None:
        """Take back what broke off, and conclude from what the caller is shown; called when all requests are done."""
        failed = {scope: message for scope, _, message in failures}
        for here in self.found.values():
            catalog = here.catalog
            if catalog.is_hidden and self._is_below and not here.is_bound:
                here.is_bound = False  # or the principal has no privilege on it, which comes to the same
            self._settle(catalog, failed, is_hidden=catalog.is_hidden, use="USE_CATALOG")
            for name, schema in here.schemas.items():
                is_hidden = schema.is_browsed is None and _list_of("schemas", catalog) in here.done - set(failed)
                self._settle(schema, failed, is_hidden=is_hidden, use="USE_SCHEMA")
                use = use_of((catalog, schema), self._names)
                for table in here.tables.get(name, {}).values():
                    is_hidden = table.is_browsed is None and _list_of("tables", schema) in here.done - set(failed)
                    self._settle(table, failed, is_hidden=is_hidden and bool(use), use="SELECT")
                    if use is False and self._is_large and schema.whole and not table.whole:
                        table.known.setdefault("READ_METADATA", False)
                        self.unasked += 1

    def _settle(self, told: Told, failed: Mapping[str, str], *, is_hidden: bool, use: str) -> None:
        if (message := failed.get(_list_of("grants", told))) is not None:
            told.whole, told.problem = False, told.problem or message
        if _list_of("policies", told) in failed:
            told.policies = None
        if told.whole or not self._is_below:
            return
        # All that the principal may see, the caller is shown: in full what it may use, else as browsed, or not at all.
        if is_hidden or told.is_browsed:
            told.known = {use: False, "READ_METADATA": False}
            told.owner = _SOMEBODY
        if is_hidden and told.kind == "catalog":
            told.known["BROWSE"] = False
        if self._is_me and told.is_browsed is not None:
            told.known |= {"BROWSE": True} if told.is_browsed else {use: True}

    # --- catalogs ---

    def _catalog(self, here: CatalogTold) -> Request:
        told = here.catalog

        def take(answer: Json) -> _Following:
            _show(told, answer)
            return self._grants(here, told, (), lambda: self._of_catalog(here))

        def refused(error: errors.WorkspaceError) -> _Following:
            told.problem = str(error)
            # Not of a subclass, which says something about the credential, and not about this catalog.
            told.is_hidden = type(error) in {errors.NotFoundError, errors.ForbiddenError}
            here.is_bound = None  # nobody is shown a catalog that is not bound to the workspace
            return self._grants(here, told, (), lambda: self._of_catalog(here))

        path = f"{_UC}/catalogs/{_quoted(told.full_name)}"
        return Request(told.full_name, path, _BROWSED, take, refused, needed=False)

    def _of_catalog(self, here: CatalogTold) -> Iterator[Request | Failed]:
        told = here.catalog
        inherits = all(granted(told, privilege, self._names) for privilege in ("USE_SCHEMA", "SELECT"))
        if inherits and use_of((told,), self._names):
            return  # all schemas and tables can be read
        schemas = self._wanted[told.full_name]
        if not schemas:
            return

        def take(items: list[Json]) -> _Following:
            for item in items:
                name = text(item.get("name"))
                if name in here.schemas:
                    _show(here.schemas[name], item)
                    here.is_bound = True
            return ()

        def go_on() -> _Following:
            for name, schema in here.schemas.items():
                yield from self._grants(here, schema, (told,), lambda name=name: self._of_schema(here, name))  # type: ignore[misc]

        query = {"catalog_name": told.full_name, **_BROWSED}
        listing = Request(_list_of("schemas", told), f"{_UC}/schemas", query, _nothing, needed=False)
        yield self._listed(here, listing, "schemas", take, go_on)

    # --- schemas ---

    def _of_schema(self, here: CatalogTold, name: str) -> Iterator[Request | Failed]:
        schema, wanted = here.schemas[name], self._wanted[here.catalog.full_name][name]
        inherits = granted(schema, "SELECT", self._names)
        if not wanted or (inherits and use_of((here.catalog, schema), self._names)):
            return  # all tables can be read
        tables = here.tables[name] = {found: Told("table", f"{schema.full_name}.{found}") for found in wanted}

        def take(items: list[Json]) -> _Following:
            for item in items:
                found = text(item.get("name"))
                if found in tables:
                    _show(tables[found], item)
                    here.is_bound = True
            return ()

        def go_on() -> _Following:
            for table in tables.values():
                if self._is_decided(here, schema, table):
                    continue
                yield from self._grants(here, table, (here.catalog, schema), lambda table=table: self._policies(table))  # type: ignore[misc]

        query = {"catalog_name": here.catalog.full_name, "schema_name": name, "max_results": 0, **_SLIM, **_BROWSED}
        listing = Request(_list_of("tables", schema), f"{_UC}/tables", query, _nothing, needed=False)
        yield self._listed(here, listing, "tables", take, go_on)

    @staticmethod
    def _listed(
        here: CatalogTold,
        listing: Request,
        key: str,
        take: Callable[[list[Json]], _Following],
        go_on: Callable[[], _Following],
    ) -> Request:
        """Return a list that is kept as done once it was read to its end; whether it is or not, the work goes on."""

        def end() -> _Following:
            here.done.add(listing.scope)
            return go_on()

        return replace(pages(listing, key, take, end), otherwise=lambda _: go_on())

    def _is_decided(self, here: CatalogTold, schema: Told, table: Told) -> bool:
        """Return whether nothing that could be asked about a table would tell more."""
        if self._is_me:
            return False  # own grants are told to everyone
        if use_of((here.catalog, schema), self._names) is False:
            # Then it cannot be read. Only whether its name may be seen is left to find out.
            return self._is_large
        return not schema.whole and table.owner not in self._mine

    # --- grants ---

    def _grants(
        self, here: CatalogTold, told: Told, above: Sequence[Told], then: Callable[[], _Following]
    ) -> list[Request | Failed]:
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
                        origin = row.setdefault(name, _origin(one, told))
                        if origin == Origin("catalog", here.catalog.full_name):
                            here.catalog.rows.setdefault(holder, {}).setdefault(name, origin)
            return ()

        def end() -> _Following:
            told.whole = not told.problem and reads_all_grants(told, self._mine, above, is_admin=self._is_admin)
            return then()

        path = f"{_UC}/effective-permissions/{told.kind}/{_quoted(told.full_name)}"
        listing = Request(_list_of("grants", told), path, {"max_results": 0}, _nothing, needed=False)

        def refused(error: errors.WorkspaceError) -> _Following:
            told.problem = str(error)
            return then()

        return [replace(pages(listing, "privilege_assignments", take, end), otherwise=refused)]

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
        listing = Request(_list_of("policies", table), path, {"include_inherited": True}, _nothing, needed=False)
        return [replace(pages(listing, "policies", take, end), otherwise=refused)]


def _show(told: Told, item: Json) -> None:
    told.owner, told.is_browsed = text(item.get("owner")), item.get("browse_only") is True


def _list_of(what: str, told: Told) -> str:
    return f"{what} of {told.kind} {told.full_name}"


def _origin(privilege: Mapping[str, object], told: Told) -> Origin:
    kind, name = text(privilege.get("inherited_from_type")), text(privilege.get("inherited_from_name"))
    return Origin(kind.lower(), name) if kind and name else Origin(told.kind, told.full_name)


def _quoted(full_name: str) -> str:
    return quote(full_name, safe="")


def _nothing(_answer: Json) -> _Following:
    return ()
