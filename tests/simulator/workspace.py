"""What a simulated workspace holds: described object by object, or generated at any size."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import dbxexplore

HIVE = "hive_metastore"
VIEWS = ("VIEW", "MATERIALIZED_VIEW")
CREATED = 1_700_000_000_000  # milliseconds since 1970
ALTERED = (CREATED + 86_400_000) * 1000  # microseconds since 1970
Json = dict[str, object]


class Object(NamedTuple):
    """An object as the truth names it."""

    kind: str
    catalog: str | None
    schema: str | None
    name: str
    full_name: str
    object_type: str | None


@dataclass(frozen=True)
class Table:
    """A table or view."""

    name: str
    table_type: str = "MANAGED"
    browse_only: bool = False
    owner: str = "data-eng@example.com"
    comment: str | None = None
    columns: tuple[tuple[str, str], ...] = (("id", "bigint"),)
    altered_at: int = ALTERED
    rows: int = 0
    definition: str | None = None  # the SQL of a view
    commits: tuple[tuple[int, str], ...] = ((CREATED * 1000, "CREATE TABLE"),)  # microseconds since 1970, operation
    tags: Mapping[str, str] = field(default_factory=dict)

    def item(  # noqa: PLR0913 - where it is, and what is asked for
        self, catalog: str, schema: str, *, columns: bool, properties: bool, username: bool, browse_only: bool = False
    ) -> Json:
        """Return the row of a listing of tables; ``browse_only`` says that all of its schema can only be browsed."""
        row: Json = {
            "name": self.name,
            "catalog_name": catalog,
            "schema_name": schema,
            "table_type": self.table_type,
            "data_source_format": "UNKNOWN_DATA_SOURCE_FORMAT" if self.table_type in VIEWS else "DELTA",
            "full_name": f"{catalog}.{schema}.{self.name}",
            "created_at": CREATED,
            "updated_at": self.altered_at // 1000,
            "metastore_id": "11111111-2222-3333-4444-555555555555",
            "table_id": "99999999-2222-3333-4444-555555555555",
            "securable_type": "TABLE",
            "securable_kind": "TABLE_STANDARD",
        }
        if self.comment is not None:
            row["comment"] = self.comment
        if self.browse_only or browse_only:
            row["browse_only"] = True
        if username:
            row |= {"owner": self.owner, "created_by": self.owner, "updated_by": self.owner}
        else:
            row["owner"] = self.owner
        if self.definition is not None:
            row["view_definition"] = self.definition
        if columns:
            row["columns"] = [
                {"name": name, "type_text": kind, "type_name": kind.upper(), "position": i, "nullable": i > 0}
                for i, (name, kind) in enumerate(self.columns)
            ]
        if properties:
            row["properties"] = {"delta.lastCommitTimestamp": str(CREATED), "delta.minReaderVersion": "1"}
        return row


class GeneratedTables(Sequence[Table]):
    """Any number of tables that exist only while they are looked at."""

    def __init__(self, count: int, columns: int) -> None:
        self._count = count
        self._columns = tuple((f"column_{i}", ("bigint", "string", "timestamp")[i % 3]) for i in range(columns))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        kind = ("MANAGED", "MANAGED", "EXTERNAL", "VIEW", "MANAGED", "MATERIALIZED_VIEW", "STREAMING_TABLE")[index % 7]
        return Table(f"orders_by_region_{index:06d}", kind, comment="Loaded nightly", columns=self._columns)


@dataclass(frozen=True)
class Schema:
    """A schema and its tables; where it can only be browsed, so can they."""

    name: str
    tables: Sequence[Table] = ()
    browse_only: bool = False


@dataclass(frozen=True)
class Catalog:
    """A catalog and its schemas; where it can only be browsed, so can they."""

    name: str
    schemas: Sequence[Schema] = ()
    catalog_type: str = "MANAGED_CATALOG"
    browse_only: bool = False

    @property
    def shows_browsing(self) -> bool:
        """Whether the lists of catalogs and schemas show that something in it can only be browsed."""
        return self.browse_only or any(schema.browse_only for schema in self.schemas)

    def is_browsed(self, schema: Schema, table: Table | None = None) -> bool:
        """Whether a schema of this catalog, or a table of it, can only be browsed."""
        return self.browse_only or schema.browse_only or (table is not None and table.browse_only)


@dataclass(frozen=True)
class Notebook:
    """A notebook by its path."""

    path: str
    language: str = "PYTHON"


class Lineage(NamedTuple):
    """A read or a write that was recorded: names as (catalog, schema, name), None where there is no table."""

    source: tuple[str, str, str] | None
    target: tuple[str, str, str] | None
    columns: tuple[tuple[str, str], ...] = ()  # of the source, of the target
    days_ago: int = 1


@dataclass
class Workspace:
    """All that a workspace holds.

    ``folders`` maps the path of a folder to what is listed there: notebooks, and paths of folders, which may
    be missing from the mapping (they vanish before they are listed) or lead back up (a cycle).
    """

    catalogs: Sequence[Catalog] = ()
    folders: Mapping[str, Sequence[Notebook | str]] = field(default_factory=lambda: {"/": ()})
    identity: str | None = "ada@example.com"
    metastore: str | None = "main-metastore"
    warehouses: Mapping[str, str] = field(default_factory=dict)  # id → state
    lineage: list[Lineage] = field(default_factory=list)
    hive: Sequence[Schema] | None = None  # what hive_metastore holds, which no API but SQL lists; None if there is none
    changes: int = 0  # how often it was changed

    def change(self, catalog: str, schema: str, name: str, operation: str = "WRITE", **fields: Any) -> None:
        """Change a table by an operation; ``altered_at`` is ten milliseconds later than before unless it is given.

        Its schema must hold its tables in a list.
        """
        tables = next(one.tables for c in self.catalogs if c.name == catalog for one in c.schemas if one.name == schema)
        assert isinstance(tables, list)
        at = next(at for at, table in enumerate(tables) if table.name == name)
        fields = {"altered_at": tables[at].altered_at + 10_000, **fields}
        # As it is there: committed first, and told of a moment later.
        commits = (*tables[at].commits, (fields["altered_at"] - 5_000, operation))
        tables[at] = replace(tables[at], **{"commits": commits, **fields})
        self.changes += 1

    def catalog(self, name: str) -> Catalog | None:
        """Return a catalog by its name."""
        return next((catalog for catalog in self.catalogs if catalog.name == name), None)

    def table(self, catalog: str, schema: str, name: str) -> Table | None:
        """Return a table by the parts of its name."""
        held = (one for c in self.catalogs if c.name == catalog for one in c.schemas if one.name == schema)
        return next((table for one in held for table in one.tables if table.name == name), None)

    def objects(self, *, browse: bool = True) -> Iterator[Object]:
        """Return every object; without those that can only be browsed unless ``browse``."""
        for catalog in self.catalogs:
            if browse or not catalog.browse_only:
                yield Object("catalog", None, None, catalog.name, catalog.name, catalog.catalog_type)
            for schema in catalog.schemas:
                if browse or not catalog.is_browsed(schema):
                    yield Object("schema", catalog.name, None, schema.name, f"{catalog.name}.{schema.name}", None)
                for table in schema.tables:
                    if browse or not catalog.is_browsed(schema, table):
                        kind = "view" if table.table_type in VIEWS else "table"
                        full_name = f"{catalog.name}.{schema.name}.{table.name}"
                        yield Object(kind, catalog.name, schema.name, table.name, full_name, table.table_type)
        for items in self.folders.values():
            for item in items:
                if isinstance(item, Notebook):
                    yield Object("notebook", None, None, item.path.rpartition("/")[2], item.path, item.language)

    def hive_objects(self) -> Iterator[Object]:
        """Return every object of the Hive metastore: of its types, no more is known than what is a view."""
        yield Object("catalog", None, None, HIVE, HIVE, None)
        for schema in self.hive or ():
            yield Object("schema", HIVE, None, schema.name, f"{HIVE}.{schema.name}", None)
            for table in schema.tables:
                kind, of = ("view", "VIEW") if table.table_type in VIEWS else ("table", None)
                yield Object(kind, HIVE, schema.name, table.name, f"{HIVE}.{schema.name}.{table.name}", of)

    def truth(self, *, without: Collection[str] = (), browse_tables: bool = True) -> set[Object]:
        """Return what a complete crawl finds.

        ``without`` names scopes (catalogs, ``catalog.schema``, folders) whose contents cannot be listed;
        ``browse_tables=False`` leaves out tables that can only be browsed where no list of catalogs or schemas shows
        that there may be some: neither table summaries nor information_schema have them.
        """
        browsed = {
            f"{catalog.name}.{schema.name}.{table.name}"
            for catalog in self.catalogs
            if not catalog.shows_browsing
            for schema in catalog.schemas
            if not isinstance(schema.tables, GeneratedTables)
            for table in schema.tables
            if table.browse_only
        }
        return {
            one
            for one in self.objects()
            if one.catalog not in without
            and f"{one.catalog}.{one.schema}" not in without
            and not (one.kind == "notebook" and _within(one.full_name, without))
            and (browse_tables or one.full_name not in browsed)
        }


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


class CatalogTables(Sequence[tuple[Schema, Table]]):
    """The tables of all schemas of a catalog, one after another, as table summaries page through them."""

    def __init__(self, catalog: Catalog) -> None:
        self._schemas = catalog.schemas
        self._ends = list(itertools.accumulate(len(schema.tables) for schema in catalog.schemas))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: Any) -> Any:  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = bisect.bisect_right(self._ends, index)
        before = self._ends[place - 1] if place else 0
        return self._schemas[place], self._schemas[place].tables[index - before]


def generated(  # noqa: PLR0913 - all by keyword
    *,
    catalogs: int = 2,
    schemas: int = 5,
    tables: int = 10,
    columns: int = 8,
    folders: int = 0,
    notebooks_per_folder: int = 3,
) -> Workspace:
    """Return a workspace of ``catalogs`` × ``schemas`` × ``tables``, and a tree of ``folders``."""
    return Workspace(
        catalogs=[
            Catalog(
                f"catalog_{c:03d}",
                [Schema(f"schema_{s:04d}", GeneratedTables(tables, columns)) for s in range(schemas)],
            )
            for c in range(catalogs)
        ],
        folders=folder_tree(folders, notebooks_per_folder),
    )


def folder_tree(folders: int, notebooks: int, fanout: int = 12) -> dict[str, list[Notebook | str]]:
    """Return a tree of so many folders below the root, each with so many notebooks."""
    tree: dict[str, list[Notebook | str]] = {"/": []}
    paths = ["/"]
    for number in range(folders):
        parent = paths[number // fanout]
        path = f"{parent.rstrip('/')}/folder {number}"
        tree[parent].append(path)
        tree[path] = [Notebook(f"{path}/notebook {n}", ("PYTHON", "SQL")[n % 2]) for n in range(notebooks)]
        paths.append(path)
    return tree


ODD_NAMES = (
    "dotted.name",
    "hyphen-ated",
    "it's",
    'double"quoted',
    "back`tick",
    "white space",
    "Größe_Übung",
    "表",
    "🦆 duck",
    "MiXeD",
    "percent%20",
    "plus+and&amp=",
    "slash/inside",
    "<b>bold</b>",
    "n" * 255,
)
TYPES = (
    "MANAGED",
    "EXTERNAL",
    "VIEW",
    "MATERIALIZED_VIEW",
    "STREAMING_TABLE",
    "FOREIGN",
    "METRIC_VIEW",
    "MANAGED_SHALLOW_CLONE",
    "QUANTUM_TABLE",  # a type that no version of the SDK knows
)


def described(*, dotted: bool = True) -> Workspace:
    """Return a small workspace with every oddity of names and types.

    ``dotted=False`` leaves out names with dots, where a dotted full name alone does not tell the parts apart.
    """
    names = [name for name in ODD_NAMES if dotted or "." not in name]
    odd = Schema("odd-names", [Table(name, TYPES[i % len(TYPES)]) for i, name in enumerate(names)])
    types = Schema("types", [Table(f"t_{kind.lower()}", kind, comment=f"A {kind}") for kind in TYPES])
    browse = Schema("browse", [Table("readable"), Table("hidden", browse_only=True)])
    return Workspace(
        catalogs=[
            Catalog("main", [odd, types, browse, Schema("empty"), *(Schema(name, [Table("t")]) for name in names)]),
            Catalog("only browsed", [Schema("s", [Table("t", browse_only=True)], browse_only=True)], browse_only=True),
            Catalog("empty"),
            *(Catalog(name, [Schema("s", [Table("t", "VIEW")])], "FOREIGN_CATALOG") for name in names),
        ],
        folders={
            "/": ["/Users", "/Shared"],
            "/Users": ["/Users/ada@example.com"],
            "/Users/ada@example.com": [
                Notebook("/Users/ada@example.com/Ünïcode 🦆"),
                Notebook("/Users/ada@example.com/with space", "SQL"),
            ],
            "/Shared": [Notebook("/Shared/a.b", "SCALA"), Notebook("/Shared/100%", "R")],
        },
        warehouses={"running01": "RUNNING", "stopped01": "STOPPED"},
    )


def truth_of(catalog: dbxexplore.Catalog) -> set[Object]:
    """Return the objects of a catalog in the terms of `Workspace.truth`; each must be there once."""
    columns = [_plain(catalog.objects[name]) for name in Object._fields]
    found = [Object(*row) for row in zip(*columns, strict=True)]
    assert len(set(found)) == len(found), "an object is there twice"
    return set(found)


def _plain(values: Iterable[object]) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in values]
