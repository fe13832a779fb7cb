"""A search by regular expression as a pattern: it means the same to the filters."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.filters.dialects import DIALECTS
from dbxexplore.filters.patterns import Level
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
    rows += [
        {"kind": "view", "catalog": "c", "schema": "v", "name": name, "full_name": f"c.v.{name}"} for name in NAMES
    ]
    paths = [f"/Shared/{name}" for name in NAMES]
    rows += [{"kind": "notebook", "name": path.rpartition("/")[2], "full_name": path} for path in paths]
    return dbx.Catalog.from_frame(pd.DataFrame(rows))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("levels", [["tables", "views"], ["notebooks"]])
@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_filters_include_or_exclude_what_the_search_finds(
    catalog: dbx.Catalog, dialect: dbx.Dialect, levels: list[Level], expression: str, on: bool
) -> None:
    filters = with_search(dbx.Filters(), expression, levels, dialect, on=on)
    preview = filters.preview(catalog, dialect)
    kinds = [level[:-1] for level in levels]
    objects = catalog.objects[catalog.objects["kind"].isin(kinds)]
    found = {name for name in NAMES if re.search(expression, name, re.IGNORECASE)}
    assert found
    wanted = found if on else set(NAMES) - found
    for _, each in objects.groupby("kind", observed=True):
        assert set(each["name"][preview.included[each.index]]) == wanted
    rest = preview.included.drop(objects.index)
    assert rest.all(), "the other levels are as they were"
    if dialect.views != "tables":
        assert "drops-views" not in filters.lint(catalog, dialect).codes


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_of_views_alone_tables_are_left_as_they_are_where_that_can_be(dialect: dbx.Dialect) -> None:
    filters = with_search(dbx.Filters(), "_v$", ["views"], dialect, on=True)
    by_tables = dialect.views == "tables"
    assert (filters.tables != dbx.Patterns(), filters.views != dbx.Patterns()) == (by_tables, not by_tables)


def test_it_is_added_to_what_is_there_and_only_once() -> None:
    filters = dbx.Filters(tables=dbx.Patterns(["^a$"], ["^b$"]))
    dialect = dbx.Dialect.DATAHUB
    once = with_search(filters, "_tmp$", ["tables"], dialect, on=False)
    assert once.tables == dbx.Patterns(["^a$"], ["^b$", r"^[^.]+\.[^.]+\..*_tmp$"])
    assert with_search(once, "_tmp$", ["tables"], dialect, on=False) == once
    assert with_search(filters, "x", ["tables"], dialect, on=True).tables.allow == ("^a$", r"^[^.]+\.[^.]+\..*x.*$")
    assert search_pattern("prod", "catalogs", dialect) == "^.*prod.*$"
