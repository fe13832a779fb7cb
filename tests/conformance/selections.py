"""A workspace with every trap, and the filter sets that are held against it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
from simulator import Catalog, Notebook, Schema, Table, Workspace

import dbxexplore as dbx

TYPES = (
    "MANAGED",
    "EXTERNAL",
    "VIEW",
    "MATERIALIZED_VIEW",
    "STREAMING_TABLE",
    "FOREIGN",
    "METRIC_VIEW",
    "MANAGED_SHALLOW_CLONE",
    "QUANTUM_TABLE",
)
ODD_NAMES = (
    "hyphen-ated",
    "it's",
    'double"quoted',
    "back`tick",
    "Größe_Übung",
    "STRASSE",
    "straße",
    "\u017fecret",  # a long s, which is an s where case is ignored
    "\u212aelvin",  # the sign of the unit, which is a k
    "表",
    "🦆duck",
    "plus+and&amp=",
    "$dollar",
    "{brace}",
    "<b>bold</b>",
)


def _information_schema() -> Schema:
    return Schema("information_schema", [Table("tables", "VIEW"), Table("columns", "VIEW")])


def workspace() -> Workspace:
    """Return a workspace in which a careless reading of a pattern shows."""
    sales = Schema(
        "sales",
        [
            Table("orders"),
            Table("orders_tmp"),
            Table("Orders_2024"),
            Table("order_lines", "STREAMING_TABLE"),
            Table("v_orders", "VIEW"),
            Table("mv_orders", "MATERIALIZED_VIEW"),
            Table("metric_orders", "METRIC_VIEW"),
            Table("hidden", browse_only=True),
        ],
    )
    return Workspace(
        catalogs=[
            Catalog(
                "main",
                [
                    sales,
                    Schema("sales_emea", [Table("orders"), Table("v_orders", "VIEW")]),
                    Schema("types", [Table(f"t_{kind.lower()}", kind) for kind in TYPES]),
                    Schema("odd", [Table(name, TYPES[at % len(TYPES)]) for at, name in enumerate(ODD_NAMES)]),
                    Schema("tmp", [Table("t"), Table("v", "VIEW")]),
                    Schema("empty"),
                    _information_schema(),
                    Schema("information_schema_2", [Table("t")]),
                    Schema("my_information_schema", [Table("t")]),
                    *(Schema(name, [Table("t"), Table("v", "VIEW")]) for name in ODD_NAMES),
                ],
            ),
            Catalog("maintenance", [Schema("sales", [Table("orders")]), _information_schema()]),
            Catalog(
                "prod", [Schema("gold", [Table("orders"), Table("v_orders", "VIEW")]), Schema("gold_tmp", [Table("t")])]
            ),
            Catalog("prod_mumbai", [Schema("gold", [Table("orders")])]),
            Catalog(
                "PROD_Legacy",
                [Schema("Gold", [Table("Orders")]), Schema("INFORMATION_SCHEMA", [Table("TABLES", "VIEW")])],
            ),
            Catalog("dev", [Schema("gold", [Table("orders"), Table("v_orders", "VIEW")])]),
            Catalog(
                "hive_metastore", [Schema("default", [Table("legacy"), Table("v_legacy", "VIEW")])], "INTERNAL_CATALOG"
            ),
            Catalog("system", [Schema("access", [Table("audit")]), _information_schema()], "SYSTEM_CATALOG"),
            Catalog("samples", [Schema("nyctaxi", [Table("trips")])], "DELTASHARING_CATALOG"),
            Catalog("__databricks_internal", [Schema("s", [Table("t")])], "INTERNAL_CATALOG"),
            Catalog("no schemas"),
            Catalog("browsed", [Schema("s", [Table("t", browse_only=True)], browse_only=True)], browse_only=True),
            Catalog(
                "sales eu",
                [
                    Schema("north west", [Table("orders list"), Table("v orders", "VIEW")]),
                    Schema("information schema", [Table("t")]),
                    Schema(" padded ", [Table("t")]),
                ],
                "FOREIGN_CATALOG",
            ),
            Catalog("sales_us", [Schema("north_west", [Table("orders_list")])]),
            Catalog(
                "crm.legacy",
                [
                    Schema(
                        "dbo.v1",
                        [Table("a.b", "FOREIGN"), Table("order details", "FOREIGN"), Table("line\nbreak", "FOREIGN")],
                    )
                ],
                "FOREIGN_CATALOG",
            ),
            # Everything in here begins as the built-in deny of information_schema does.
            Catalog("x.information_schema", [Schema("s", [Table("t")])], "FOREIGN_CATALOG"),
            *(Catalog(name, [Schema("s", [Table("t"), Table("v", "VIEW")])], "FOREIGN_CATALOG") for name in ODD_NAMES),
        ],
        folders={
            "/": ["/Users", "/Shared", "/Repos"],
            "/Users": ["/Users/ada@example.com"],
            "/Users/ada@example.com": [
                Notebook("/Users/ada@example.com/Ünïcode 🦆"),
                Notebook("/Users/ada@example.com/with space", "SQL"),
                Notebook("/Users/ada@example.com/scratch_tmp"),
            ],
            "/Shared": [Notebook("/Shared/a.b", "SCALA"), Notebook("/Shared/100%", "R"), Notebook("/Shared/load")],
            "/Repos": ["/Repos/etl"],
            "/Repos/etl": [Notebook("/Repos/etl/load"), Notebook("/Repos/etl/Load_tmp")],
        },
    )


@dataclass(frozen=True)
class Selection:
    """A filter set, and whether a whole ingestion of its recipe is run."""

    name: str
    filters: dbx.Filters
    ignore_case: bool = True
    warehouse_id: str | None = None
    crawled: bool = False

    def read_as(self, dialect: dbx.Dialect) -> dbx.Dialect:
        """Return ``dialect`` with the case that a recipe of this selection asks for."""
        return replace(dialect, ignore_case=self.ignore_case, name=dialect.name)


def _allow(*texts: str) -> dbx.Patterns:
    return dbx.Patterns(texts)


def _deny(*texts: str) -> dbx.Patterns:
    return dbx.Patterns(deny=texts)


def _one(level: str, patterns: dbx.Patterns) -> dbx.Filters:
    return dbx.Filters(**{level: patterns})


# Each is tried as it stands, and with the case that it is written in.
_PATTERNS: tuple[tuple[str, dbx.Patterns], ...] = (
    ("catalogs", _allow("prod")),
    ("catalogs", _allow("^prod$", "dev")),
    ("catalogs", _allow("PROD")),
    ("catalogs", _allow("main|prod_mumbai")),
    ("catalogs", _allow("(?i:Main)$")),
    ("catalogs", dbx.Patterns([".*"], ["prod", "system", "samples", "__databricks_internal"])),
    ("catalogs", _allow("sales eu")),
    ("catalogs", _allow("sales_eu")),
    ("catalogs", _allow(r"^(?:sales[ _](?:eu|us))$")),
    ("catalogs", _allow("hive_metastore")),
    ("catalogs", _deny(r"[^a-z]")),
    ("catalogs", _allow(r"crm\.legacy$")),
    ("catalogs", _allow("crm.legacy")),
    ("catalogs", _allow("")),
    ("catalogs", _allow("strasse$", "s", "k")),
    ("schemas", _allow("sales")),
    ("schemas", _allow(r"main\.sales")),
    ("schemas", _allow(r"^main\.sales$", r"prod\..*")),
    ("schemas", _allow(r".*\.information_schema")),
    ("schemas", _allow(r".*information_schema.*", r"prod\.gold$")),
    ("schemas", _deny(r".*\.(?:tmp|.*_tmp)$")),
    ("schemas", _deny(r"main\.", "x")),
    ("schemas", _allow(r".*north west", r".*\. padded $")),
    ("schemas", _allow(r".*north_west$", r".*\._padded_$")),
    ("schemas", _allow(r".*\bgold\b")),
    ("schemas", _allow("[^.]+[.][^.]+$")),
    ("tables", _allow("orders")),
    ("tables", _allow(r".*\.orders$")),
    ("tables", _allow(r"main\.sales\.order")),
    ("tables", _deny(r".*_tmp")),
    ("tables", _deny(r".*\.v_", r"(?-i:.*O)")),
    ("tables", _allow(r".*orders list", r".*a\.b")),
    ("tables", _allow(r".*orders_list")),
    ("tables", _allow(r".*\.[\w ]+$")),
    ("tables", _allow(r".*line.break", r"(?s).*\.a.b$", ".*line$")),
    ("tables", _allow("(?x) main [.] sales [.] # the schema\n .* ")),
    ("tables", _allow(r".*\.\$dollar", r".*[$]", r".*\{brace}")),
    ("views", _allow(r".*\.v_orders")),
    ("views", _deny(r".*\.v_orders$", r"main\.types")),
    ("views", dbx.Patterns([], [])),
    ("views", _deny(".*")),
    ("notebooks", _allow("/Repos/.*", "/Shared/[^/]+$")),
    ("notebooks", _deny(".*_tmp$", "/Users/")),
    ("notebooks", dbx.Patterns([], [])),
    ("notebooks", _allow("/shared")),
)
_TOGETHER: tuple[tuple[str, dbx.Filters], ...] = (
    ("nothing given", dbx.Filters()),
    ("nothing allowed", dbx.Filters(*(dbx.Patterns([]) for _ in range(5)))),
    ("no tables", dbx.Filters(tables=dbx.Patterns([]))),
    (
        "views by both lists",
        dbx.Filters(
            tables=_allow(r".*orders", r".*\.v"), views=_deny(r"prod\..*"), catalogs=_allow("main", "prod", "dev")
        ),
    ),
    (
        "all levels",
        dbx.Filters(
            catalogs=_deny("system$", "samples", "hive_metastore", "__"),
            schemas=_deny(r".*\.tmp$", ".*_tmp$"),
            tables=dbx.Patterns([r"[^.]+\.[^.]+\.[a-z_ ]+$"], [r".*_tmp$"]),
            views=_allow(r".*\.m?v_.*"),
            notebooks=_allow("^(?:/Repos/etl/load)$"),
        ),
    ),
    (
        "dollars",
        dbx.Filters(
            catalogs=_allow("$dollar", r"\$dollar", "${HOME}", "[$]dollar", "main$"),
            schemas=_deny("${HOME}|main.odd$"),
            tables=_allow(".*(?:$|x)"),
        ),
    ),
    (
        "odd characters",
        dbx.Filters(
            catalogs=_allow(*(f"^(?:{re.escape(name)})$" for name in ODD_NAMES), "main$"),
            schemas=_deny(r"main\.(?:sales|types|tmp)"),
            tables=_deny(".*[\"'`]"),
        ),
    ),
    (
        "flags",
        dbx.Filters(catalogs=_allow("(?i)MAIN$"), schemas=_allow("(?s)main.sales.*"), tables=_allow("(?a).*\\W")),
    ),
    ("look around", dbx.Filters(catalogs=_allow("(?!prod|dev|x)"), tables=_allow(r".*(?<!_tmp)$"))),
    ("back references", dbx.Filters(tables=_allow(r".*(.)\1"), schemas=_allow(r"(?P<c>[^.])[^.]*\..*(?P=c)"))),
)
_CRAWLED_PATTERNS = frozenset({0, 4, 7, 8, 18, 19, 22, 27, 29, 31, 36, 37, 40})
_RANDOM = 40


def _random_filters(number: int) -> dbx.Filters:
    """Return filters that combine pieces of names and patterns, the same for each number."""
    rng = random.Random(f"selection {number}")
    pieces = (
        "main",
        "prod",
        "sales",
        "gold",
        "orders",
        "v_",
        "_tmp",
        r"\.",
        ".*",
        ".",
        "[a-z]+",
        "information_schema",
        " ",
        "_",
        "$",
        "^",
        "o",
        r"\W",
        "t",
    )

    def patterns() -> dbx.Patterns:
        def text() -> str:
            return ".*" * (rng.random() < 0.4) + "".join(rng.choices(pieces, k=rng.randint(1, 3)))

        allow = [".*"] if rng.random() < 0.5 else [text() for _ in range(rng.randint(1, 3))]
        return dbx.Patterns(allow, [text() for _ in range(rng.choice((0, 0, 1, 2)))])

    return dbx.Filters(*(patterns() for _ in range(5)))


def selections() -> Iterator[Selection]:
    """Yield the filter sets, each with a name of its own."""
    for number, (level, patterns) in enumerate(_PATTERNS):
        lists = [f"{name} {text!r}" for name in ("allow", "deny") for text in getattr(patterns, name)]
        name = f"{level} {' '.join(lists) or 'nothing'}"
        filters = _one(level, patterns)
        yield Selection(name, filters, crawled=number in _CRAWLED_PATTERNS)
        yield Selection(f"{name}, in its own case", filters, ignore_case=False)
    for name, filters in _TOGETHER:
        yield Selection(name, filters, crawled=True)
    yield Selection("with a warehouse", dbx.Filters(catalogs=_deny("system")), warehouse_id="abc123", crawled=True)
    yield Selection("in its own case", dict(_TOGETHER)["all levels"], ignore_case=False, crawled=True)
    for number in range(_RANDOM):
        yield Selection(f"random {number}", _random_filters(number))


def as_objects(objects: pd.DataFrame) -> list[dict[str, str]]:
    """Return the rows of a catalog in the words in which the engines are asked."""
    rows = objects.astype(object).where(objects.notna(), "")
    return [
        {
            "kind": row["kind"],
            "catalog": row["name"] if row["kind"] == "catalog" else row["catalog"],
            "schema": row["name"] if row["kind"] == "schema" else row["schema"],
            "name": row["full_name"] if row["kind"] == "notebook" else row["name"],
            "object_type": row["object_type"],
        }
        for _, row in rows.iterrows()
    ]
