"""A search by regular expression as a pattern: it means the same to the filters."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.filters.dialects import DIALECTS
from dbxexplore.filters.searches import search_pattern, with_search

NAMES = ["orders", "orders_bak", "Orders_TMP", "tmp_orders", "a$b", "returns"]
EXPRESSIONS = [
    "_tmp$",
    "^orders",
    "^orders$",
    "orders|returns",
    "^tmp|_bak$",
    r"a\$",
    "(?:bak|tmp)",
    r"o.d\w+s_",
    "TMP",
]


@pytest.fixture
def catalog() -> dbx.Catalog:
    rows = [
        {"kind": "table", "catalog": "c", "schema": "s", "name": name, "full_name": f"c.s.{name}"} for name in NAMES
    ]
    paths = [f"/Shared/{name}" for name in NAMES]
    rows += [{"kind": "notebook", "name": path.rpartition("/")[2], "full_name": path} for path in paths]
    return dbx.Catalog.from_frame(pd.DataFrame(rows))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("kind", ["table", "notebook"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_filters_include_what_the_search_finds(
    catalog: dbx.Catalog, dialect: dbx.Dialect, kind: str, expression: str
) -> None:
    level = "tables" if kind == "table" else "notebooks"
    preview = with_search(dbx.Filters(), expression, level, dialect, on=True).preview(catalog, dialect)  # type: ignore[arg-type]
    objects = catalog.objects[catalog.objects["kind"] == kind]
    found = {name for name in NAMES if re.search(expression, name, re.IGNORECASE)}
    assert found
    assert set(objects["name"][preview.included[objects.index]]) == found


def test_it_is_added_to_what_is_there_and_only_once() -> None:
    filters = dbx.Filters(tables=dbx.Patterns(["^a$"], ["^b$"]))
    dialect = dbx.Dialect.DATAHUB
    once = with_search(filters, "_tmp$", "tables", dialect, on=False)
    assert once.tables == dbx.Patterns(["^a$"], ["^b$", r"^[^.]+\.[^.]+\..*_tmp$"])
    assert with_search(once, "_tmp$", "tables", dialect, on=False) == once
    assert with_search(filters, "x", "tables", dialect, on=True).tables.allow == ("^a$", r"^[^.]+\.[^.]+\..*x.*$")
    assert search_pattern("prod", "catalogs", dialect) == "^.*prod.*$"
